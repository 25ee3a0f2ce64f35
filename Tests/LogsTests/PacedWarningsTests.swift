import Logging
import Logs
import Support
import Testing

private enum Knock: WarningKind {
    case front
    case back

    var message: Logger.Message { self == .front ? "front" : "back" }
}

@Suite("Warnings that strangers can cause without end")
struct PacedWarningsTests {
    @Test("are told at once the first time, each kind for itself, and no more within the pause")
    func first() {
        let log = LogRecorder()
        let warnings = PacedWarnings<Knock>(log.logger, pause: .seconds(600))
        for address in ["a", "b", "c"] { warnings.happened(.front, [.address: "\(address)"]) }
        warnings.happened(.back)
        #expect(log.lines == ["front address=a count=1", "back count=1"])
    }

    @Test("are told after the pause with how often they happened, and when they last did")
    func later() async throws {
        let log = LogRecorder()
        let warnings = PacedWarnings<Knock>(log.logger, pause: .milliseconds(200))
        for address in ["a", "b", "c"] { warnings.happened(.front, [.address: "\(address)"]) }
        try await eventually(else: "\(log.lines)") { log.lines.count == 2 }
        #expect(log.lines == ["front address=a count=1", "front address=c count=2"])
    }

    @Test("are told at once again when nothing happened for a pause")
    func again() async throws {
        let log = LogRecorder()
        let warnings = PacedWarnings<Knock>(log.logger, pause: .milliseconds(10))
        warnings.happened(.front)
        try await eventually(else: "\(log.lines)") {
            warnings.happened(.front)
            return log.lines.filter { $0 == "front count=1" }.count >= 2
        }
    }
}
