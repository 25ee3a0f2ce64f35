import NIOCore
import Testing

@testable import RedisClient

@Suite struct RetryTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func pauses(_ outcome: RedisError.Code, isIdempotent: Bool = true, at now: NIODeadline? = nil) -> Int {
        var retry = Retry(RedisClientOptions(), now: start)
        for count in 0..<100 where retry.pause(after: outcome, isIdempotent: isIdempotent, now: now ?? start) == nil {
            return count
        }
        return 100
    }

    @Test("Three attempts are made when nothing is sent or known")
    func attempts() {
        #expect(pauses(.notSent) == 2)
        #expect(pauses(.unknown) == 2)
        #expect(pauses(.notSent, isIdempotent: false) == 2)
    }

    @Test("A command that must not be repeated is not, once it may have been executed")
    func once() {
        #expect(pauses(.unknown, isIdempotent: false) == 0)
    }

    @Test(
        "A server that asks for patience gets it until the overall deadline",
        arguments: RedisReplyError.Kind.allCases)
    func patience(kind: RedisReplyError.Kind) {
        let passes: [RedisReplyError.Kind] = [.tryAgain, .clusterDown, .readOnly, .loading, .busy, .noScript]
        #expect(pauses(.rejected(kind)) == (passes.contains(kind) ? 100 : 0))
        #expect(pauses(.rejected(kind), at: start + .seconds(3)) == 0)
    }

    @Test("Nothing else is repeated", arguments: [RedisError.Code.closed, .invalidConfiguration, .unsupportedServer])
    func final(code: RedisError.Code) {
        #expect(pauses(code) == 0)
    }
}
