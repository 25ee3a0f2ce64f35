import Faults
import Testing

@Suite(.timeLimit(.minutes(5))) struct OldDumpTests {
    @Test("After a start from an hour-old dump whatever has ended is told once, and who is there stays")
    func hourOld() async throws {
        let report = try await OldDumps.run(seeds: 0..<8)
        for finding in report.findings { Issue.record("\(finding)") }
        print(
            "hour-old-dump: \(report.dumps) dumps, \(report.operations) operations, \(report.renewed) renewed, "
                + "\(report.lost) lost, \(report.expired) expired, \(report.gone) gone")
        #expect(report.dumps == 8)
        #expect(report.renewed > 0 && report.lost > 0 && report.expired > 0 && report.gone > 0)
    }
}
