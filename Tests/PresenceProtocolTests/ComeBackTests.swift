import PresenceProtocol
import Testing

@Suite("Whether a client comes back")
struct ComeBackTests {
    @Test("Codes from 4000 to 4099 mean no, those from 4100 to 4199 yes, each of ours is in one of them or RFC 6455's")
    func classes() {
        for code in UInt16(4000)...4199 {
            let comeBack = ComeBack(code: code, reason: "")
            #expect(comeBack == (code < 4100 ? .never : .backingOff(after: .zero)), "\(code)")
        }
        for code in CloseCode.allCases {
            #expect(code.rawValue < 1016 || (4000...4199).contains(code.rawValue))
            #expect(CloseCode.mayBeSent(code.rawValue))
        }
    }

    @Test(
        "Who breaks the protocol or logged out stays away; who lost the way, by whatever code, comes back",
        arguments: [
            ([1000, 1002, 1003, 1007, 1009], ComeBack.never),
            (
                [0, 1001, 1004, 1005, 1006, 1008, 1010, 1011, 1012, 1013, 1014, 1015, 3000, 4200, .max],
                .backingOff(after: .zero)
            ),
        ] as [([UInt16], ComeBack)])
    func others(codes: [UInt16], expected: ComeBack) {
        for code in codes { #expect(ComeBack(code: code, reason: "") == expected, "\(code)") }
    }

    @Test("A restart says exactly when, overload how long at least, nothing else does")
    func asked() {
        let reason = ComeBack.reason(afterMs: 1_234)
        #expect(reason == "retry-after-ms=1234")
        #expect(ComeBack(code: 1012, reason: reason) == .after(.milliseconds(1_234)))
        #expect(ComeBack(code: 1013, reason: reason) == .backingOff(after: .milliseconds(1_234)))
        for code in [1001, 1006, 1011, 4100] as [UInt16] {
            #expect(ComeBack(code: code, reason: reason) == .backingOff(after: .zero), "\(code)")
        }
        #expect(ComeBack(code: 4001, reason: reason) == .never)
    }

    @Test(
        "What cannot be read asks for nothing",
        arguments: [
            "", "soon", "retry-after-ms=", "retry-after-ms=x", "retry-after-ms=-7", "retry-after-ms=+7",
            "retry-after-ms=1.5", "retry-after-ms=5 ", " retry-after-ms=5", "Retry-After-Ms=5", "retry-after-ms=٥",
        ])
    func unreadable(reason: String) {
        #expect(ComeBack(code: 1012, reason: reason) == .backingOff(after: .zero))
        #expect(ComeBack(code: 1013, reason: reason) == .backingOff(after: .zero))
    }

    @Test("Nobody is kept away for more than an hour", arguments: ["3600001", "\(Int.max)", "99999999999999999999999"])
    func bounds(milliseconds: String) {
        #expect(ComeBack(code: 1012, reason: "retry-after-ms=\(milliseconds)") == .after(.seconds(3_600)))
        #expect(ComeBack(code: 1012, reason: "retry-after-ms=0") == .after(.zero))
    }

    @Test("A client asks when the gateway does and gives up before it", arguments: [(25, 60), (120, 400), (1, 2)])
    func silence(interval: Int, timeout: Int) {
        let (interval, timeout) = (Duration.seconds(interval), Duration.seconds(timeout))
        let quiet = ClientRules.quiet(interval: interval, timeout: timeout)
        #expect(quiet > interval && quiet + ClientRules.patience(timeout: timeout) < timeout)
    }
}
