import Faults
import PresenceCore
import Testing

@Suite(.timeLimit(.minutes(5))) struct FaultPointTests {
    @Test("Whichever command of an operation fails, what stands in Redis in the end is as if none had")
    func everyCommand() async throws {
        let report = try await FaultPoints.run()
        for finding in report.findings { Issue.record("\(finding)") }
        #expect(report.points > 200)
    }

    @Test("A login that is done twice where its reply was lost shows")
    func plant() async throws {
        #expect(try await FaultPoints.run(plant: .repeatedCallTwoChanges).findings.contains { $0.hasPrefix("login,") })
    }

    @Test("Two operations on a user at once come to what one after the other comes to")
    func interleavings() async throws {
        let report = try await Interleavings.run()
        for finding in report.findings { Issue.record("\(finding)") }
        #expect(report.points > 100)
    }
}
