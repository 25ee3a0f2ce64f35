import NIOCore
import NIOWebSocket
import Testing

@testable import Gateway

@Suite("A client's frames")
struct FrameRateTests {
    private static let start = NIODeadline.now()

    /// How many of so many frames are allowed.
    private static func allowed(
        _ rate: inout FrameRate, _ count: Int, _ opcode: WebSocketOpcode, after time: TimeAmount = .zero
    ) -> Int {
        (0..<count).count { _ in rate.allows(opcode, now: start + time) }
    }

    @Test("are fifty at once, and ten a second after that")
    func burst() {
        var rate = FrameRate(now: Self.start)
        let atOnce = Self.allowed(&rate, 60, .text)
        let later = Self.allowed(&rate, 60, .ping, after: .seconds(1))
        #expect(atOnce == 50 && later == 10)
    }

    @Test("are not the pong that it owes; every other pong is")
    func pongs() {
        var rate = FrameRate(now: Self.start)
        rate.pinged()
        let owed = Self.allowed(&rate, 60, .pong)
        #expect(owed == 51)
        rate.pinged()
        let text = Self.allowed(&rate, 1, .text)
        let pongs = Self.allowed(&rate, 2, .pong)
        #expect(text == 0 && pongs == 1)
    }
}
