import ArgumentParser
import Foundation
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
        subcommands: [
            Serve.self, Query.self, Inspect.self, Watch.self, Check.self, DoctorCommand.self, Kick.self, Dead.self,
            Replay.self, Rules.self, Simulate.self, PrintConfiguration.self,
        ])

    static func main() async {
        LogOutput.claimStandardFiles()
        // Of the service it ends nothing, not even in the moment before it is listened for.
        if CommandLine.arguments.dropFirst().first == "serve" { signal(SIGHUP, SIG_IGN) }
        let arguments = Array(CommandLine.arguments.dropFirst())
        // Monitoring is answered in its own words also where the command cannot be understood.
        if arguments.first == "check" { Check.refuse(arguments.dropFirst()) }
        await main(arguments)
    }
}
