import ArgumentParser
import Foundation

/// `presence configuration`: what can be configured, and what is.
struct PrintConfiguration: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "Print the keys of the configuration, or check one.",
        subcommands: [Keys.self, Show.self], defaultSubcommand: Keys.self)

    /// `presence configuration keys`: the README's table.
    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print all keys as a Markdown table.")

        func run() { print(ConfigurationKey.markdownTable) }
    }

    /// `presence configuration show`: takes the flags of `presence serve`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration, and print what counts and where it is set.",
            discussion: "Takes the flags, environment and file of `presence serve`. Secrets are not printed.")

        @Argument(parsing: .allUnrecognized, help: ArgumentHelp("As of presence serve.", valueName: "flags"))
        var flags: [String] = []

        func run() async throws {
            try await exitingWithSentence {
                let environment = ProcessInfo.processInfo.environment
                let sources = try ConfigurationSources(flags: flags, environment: environment)
                _ = try ServiceConfiguration(sources, environment: environment)
                print(try sources.summary())
            }
        }
    }
}

extension ConfigurationSources {
    /// One line for each key that has a value: `port = 9000 (set by --port)`.
    func summary() throws(StartError) -> String {
        var lines: [String] = []
        for key in ConfigurationKey.all + platformNames.flatMap({ ConfigurationKey.platform($0).all }) {
            let entries = try list(key)
            if entries.isEmpty { continue }
            let value = key.isSecret ? "(secret)" : entries.joined(separator: ",")
            lines.append("\(key.name) = \(value) (\(given(key).map { "\($0.place)" } ?? "default"))")
        }
        return lines.joined(separator: "\n")
    }
}
