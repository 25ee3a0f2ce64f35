import Foundation
import Support
import Testing

@Suite("The page about the change feed")
struct FeedDocumentationTests {
    private static func blocks(_ language: String) throws -> [String] {
        try DocumentationPage.named("ChangeFeed").blocks.filter { $0.language == language }.map(\.text)
    }

    @Test("What is printed for curl works as printed")
    func curl() async throws {
        let folder = try temporaryFolder("feed")
        defer { removeFolder(folder) }
        try await Deployment.with(workers: 1, ["heartbeat.browser-timeout-ms": "400000"]) { deployment in
            _ = try await deployment.backend.session("alice", "Web")
            let text = try #require(try Self.blocks("sh").first)
            let address = deployment.workers[0].url.replacing("http://", with: "")
            let output = try await PrintedCommands.shell(text.replacing("127.0.0.1:8080", with: address), folder)
            #expect(output.contains("event: snapshot\ndata: {\"results\":[{\"user\":\"alice\",\"status\":\"Online\""))
            #expect(output.contains("event: cursor\n") && output.matches(of: /"events":\[.*"more":/).count == 3)
            #expect(output.contains(#""users":[{"user":"alice""#))
        }
    }

    @Test("The reader that is printed has a true copy, also when its worker is started again")
    func reader() async throws {
        let folder = try temporaryFolder("feed")
        defer { removeFolder(folder) }
        try await Deployment.with(workers: 1, ["heartbeat.browser-timeout-ms": "400000"]) { deployment in
            _ = try await deployment.backend.session("alice", "Web")
            let program = try #require(try Self.blocks("python").first)
            try Data(program.utf8).write(to: URL(filePath: "\(folder)/copy.py"))
            let child = try ChildProcess(
                ["python3", "\(folder)/copy.py", deployment.workers[0].url], folder: folder, log: "copy.log")
            defer { child.signal(SIGKILL) }
            try await eventually(else: "nothing is copied: \(child.log)") { child.log.contains("copied 1\n") }
            let bob = try await deployment.backend.session("bob", "Web")
            try await eventually(else: "bob does not come: \(child.log)") { child.log.contains("bob Online\n") }
            try await deployment.workers[0].child.end(with: SIGKILL)
            try await deployment.workers[0].startAgain()
            _ = try await deployment.backend.logout("bob", bob)
            try await eventually(else: "bob does not go: \(child.log)") { child.log.contains("bob Offline\n") }
            #expect(child.log.contains("copied") && child.log.matches(of: /bob/).count == 2)
        }
    }
}
