import Foundation
import Support
import Testing

@Suite("Allocations")
struct AllocationTests {
    @Test("No kind of request takes more allocations than on record")
    func counts() async throws {
        let folder = try temporaryFolder("allocations")
        defer { removeFolder(folder) }
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized.path
        let counting = try ChildProcess(
            ["\(root)/Scripts/bench", "allocations", "--build", "debug", "--binary", PresenceProcess.binary],
            folder: folder, log: "counts")
        try await eventually(timeout: .seconds(120), else: "counting does not end: \(counting.log)") {
            !counting.isRunning
        }
        #expect(counting.exitStatus == 0, "\(counting.log)")
    }
}
