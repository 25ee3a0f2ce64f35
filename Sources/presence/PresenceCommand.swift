import ArgumentParser
import PresenceCore

// The executable: commands, configuration, the private Redis, and the wiring of all modules.
//
// Promises: whatever cannot work is refused at the start, with one sentence that says what to do.
// Does not: decide anything about presence.

/// `presence`: the service and what looks into it.
@main
struct PresenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presence", abstract: "Knows who is online, and tells the backend when that changes.",
        version: PresenceVersion.current,
        subcommands: [Serve.self, Query.self, Replay.self, Rules.self, Simulate.self, PrintConfiguration.self])

    static func main() async {
        LogOutput.claimStandardFiles()
        await main(nil)
    }
}
