import Faults
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5))) struct CutLogTests {
    /// `Scripts/fault --only cut-aof-anywhere` makes 200.
    private static let cuts = 60

    @Test("From an append-only file that is cut off anywhere comes what fits together")
    func cuts() async throws {
        let report = try await CutLogs.run(seed: 1, cuts: Self.cuts)
        for finding in report.findings { Issue.record("\(finding)") }
        print(
            "cut-log: \(report.cuts) places of \(report.bytes) bytes, \(report.halves) halves, \(report.mended) mended, "
                + "\(report.findings.count) violations")
        #expect(report.cuts == Self.cuts)
        // Without these it would not be known that half a change shows.
        #expect(report.halves > 5 && report.mended > 5)
    }

    @Test("Where changes are not held together in the file, halves of them show")
    func tornApart() async throws {
        let report = try await CutLogs.run(seed: 1, cuts: 40, isTornApart: true)
        #expect(report.findings.contains { $0.contains("at the first start") }, "\(report)")
    }
}
