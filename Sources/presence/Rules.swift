import ArgumentParser
import Foundation
import Logging
import NIOPosix
import PresenceStore
import RedisClient

/// `presence rules`: the rules all workers share.
struct Rules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show or replace the rules all workers share.", subcommands: [Show.self, Adopt.self])

    /// `presence rules show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the rules that stand.")

        @OptionGroup var redis: RedisArguments

        func run() async throws {
            try await exitingWithSentence {
                try await redis.withStore { store in
                    guard let adopted = try await store.adoptedRules() else {
                        return print("No rules stand: the next worker adopts its own.")
                    }
                    print("digest = \(adopted.digest)\ncallback = \(adopted.rules.hasReceiver ? "yes" : "no")")
                    for (name, value) in adopted.rules.values.sorted(by: { $0.key < $1.key }) {
                        print("\(name) = \(value)")
                    }
                }
            }
        }
    }

    /// `presence rules adopt`: takes the flags of `presence serve`.
    struct Adopt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the rules of a configuration those of all workers.",
            discussion: """
                Takes the flags, environment and file of `presence serve`: all the workers get, for what is not said is \
                the default. Workers with these rules share the background work from then on, workers with others \
                serve calls only.
                """)

        @Flag(help: "Give up the receiver although events wait for it: nobody will hear of them.")
        var dropEvents = false

        @Argument(parsing: .allUnrecognized, help: ArgumentHelp("As of presence serve.", valueName: "flags"))
        var flags: [String] = []

        func run() async throws {
            try await exitingWithSentence {
                let environment = ProcessInfo.processInfo.environment
                let configuration = try ServiceConfiguration(flags: flags, environment: environment)
                let logger = Logger.service(level: .error)
                let options = Service(configuration: configuration, logger: logger).storeOptions
                let rules = options.rules(hasReceiver: options.hasReceiver)
                try await RedisArguments.withStore(flags: flags) { store in
                    let known = try await store.adoptedRules()
                    if !rules.hasReceiver, known?.rules.hasReceiver == true { try await mayDropEvents(of: store) }
                    guard try await store.adopt(rules, insteadOf: known?.digest) else {
                        throw StartError(
                            .unavailable, "Other rules were adopted meanwhile: look at them, then try again.")
                    }
                    for difference in known.map({ rules.differences(from: $0.rules) }) ?? [] {
                        print(difference.replacing(", adopted is ", with: ", was "))
                    }
                    print("adopted \(rules.digest)")
                    if try await !store.liveWorkers().contains(where: { $0.rules == rules.digest }) {
                        print(
                            "No live worker has these rules: start workers with them now. Until then nobody settles or "
                                + "delivers, and in 30 s a worker with others adopts its own again.")
                    }
                }
            }
        }

        private func mayDropEvents(of store: PresenceStore) async throws {
            let waiting = try await store.waitingEvents()
            guard waiting > 0 else { return }
            guard dropEvents else {
                throw StartError(
                    .unavailable,
                    "\(waiting) events wait for the receiver that these rules give up: name it with --callback-url, or "
                        + "say --drop-events.")
            }
            print("\(waiting) waiting events will be told to nobody")
        }
    }
}
