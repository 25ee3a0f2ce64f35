import ArgumentParser
import Foundation
import JSON

/// `presence configuration`: what can be configured, and what is.
struct PrintConfiguration: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "Print the keys of the configuration, or check one.",
        subcommands: [Keys.self, Show.self], defaultSubcommand: Keys.self)

    /// `presence configuration keys`: the documentation's table.
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
                for variable in ConfigurationSources.unknownVariables(in: environment) {
                    LogOutput.standardError.write("presence: \(variable) is no variable of this service: no effect.\n")
                }
            }
        }
    }
}

/// What counts for one key.
struct ConfigurationSetting: JSONWritable {
    let name: String
    /// Masked where it is secret.
    let value: String
    /// Where it was given; nil for the default.
    let place: String?

    /// `port = 9000 (set by --port)`.
    var line: String { "\(name) = \(value) (\(place ?? "default"))" }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("key", name)
            json.member("value", value)
            json.member("place", place ?? "default")
        }
    }
}

extension ConfigurationSources {
    /// Of each key that has a value.
    /// - Parameter onlyDiffering: leave out what is the default, whether it was given or not.
    func settings(onlyDiffering: Bool = false) throws(StartError) -> [ConfigurationSetting] {
        var settings: [ConfigurationSetting] = []
        for key in ConfigurationKey.all + platformNames.flatMap({ ConfigurationKey.platform($0).all }) {
            let entries = try list(key)
            if entries.isEmpty || onlyDiffering && entries == [key.fallback] { continue }
            let value = key.isSecret ? "(secret)" : entries.joined(separator: ",")
            settings.append(
                ConfigurationSetting(name: key.name, value: value, place: given(key).map { "\($0.place)" }))
        }
        return settings
    }

    /// One line for each.
    func summary() throws(StartError) -> String { try settings().map(\.line).joined(separator: "\n") }
}
