import Foundation
import Support
import Testing

/// The page about the commands tells what they print.
@Suite("The page Commands.md")
struct CommandDocumentationTests {
    @Test("Every command, flag of a limit and member of a JSON form stands in it")
    func isWhole() async throws {
        let page = try DocumentationPage.named("Commands").text
        let flags = try await PresenceProcess.command(["check", "--help"]).matches(
            of: /--[a-z-]+-(warning|critical)(-ms)?/)
        #expect(flags.count >= 16)
        for name in Set(flags.map { String($0.0).replacing("-critical", with: "-warning") }) {
            #expect(page.contains("`\(name)`"), "\(name)")
        }
        try await Deployment.with(workers: 1) { deployment in
            _ = try await deployment.backend.login("ann", "Mac", address: "10.1.2.3")
            _ = try await deployment.backend.session("ann", "iPhone")
            _ = try await deployment.backend.kick("ann")
            _ = try await deployment.backend.session("ann", "Web")
            try await eventually(else: "not delivered") { deployment.receiver.events.count == 4 }
            for words in [
                ["inspect", "ann"], ["check"], ["rules", "show"], ["dead", "list"], ["dead", "drop", "--yes"],
                ["dead", "replay"], ["kick", "ann"],
            ] {
                let output = try await PresenceProcess.command(words + ["--json", "--redis-url", deployment.redis.url])
                let line = try #require(output.split(separator: "\n").last { $0.hasPrefix("{") }, "\(output)")
                for name in try Self.members(of: JSON(parsing: String(line))) where !name.contains(/[.]/) {
                    #expect(page.contains("`\(name)`"), "\(words): \(name)")
                }
            }
        }
    }

    /// The names of all members, at any depth.
    private static func members(of json: JSON) -> Set<String> {
        switch json {
        case .object(let object):
            return object.reduce(into: []) { names, member in
                names.insert(member.key)
                names.formUnion(members(of: member.value))
            }
        case .list(let list): return list.reduce(into: []) { $0.formUnion(members(of: $1)) }
        default: return []
        }
    }
}
