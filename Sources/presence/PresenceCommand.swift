import ArgumentParser

/// `presence`: the service and what looks into it.
@main
struct PresenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presence", abstract: "Knows who is online, and tells the backend when that changes.",
        subcommands: [Serve.self, Query.self, PrintConfiguration.self])
}
