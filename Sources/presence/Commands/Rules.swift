import ArgumentParser
import Foundation
import Inspection
import JSON
import Logging
import Logs
import PresenceStore

/// `presence rules`: the rules all workers share.
struct Rules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show or replace the rules all workers share.", subcommands: [Show.self, Adopt.self])

    /// `presence rules show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the rules that stand.")

        @OptionGroup var redis: RedisArguments
        @OptionGroup var output: OutputArguments

        func run() async throws {
            try await exitingWithSentence {
                try await redis.withStore { store in
                    let adopted = try await store.adoptedRules()
                    let live = try await store.liveWorkers()
                    output.print(Self.told(adopted, live), Self.lines(adopted, live))
                }
            }
        }

        private static func lines(_ adopted: SharedRules.Adopted?, _ live: [WorkerSaying]) -> [String] {
            guard let adopted else { return ["No rules stand: the next worker adopts its own."] }
            var lines = ["digest = \(adopted.digest)", "callback = \(adopted.rules.hasReceiver ? "yes" : "no")"]
            lines += adopted.rules.values.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
            lines += live.filter { $0.rules != adopted.digest }.map {
                "worker \($0.worker) has other rules, digest \($0.rules): its log and the notes of its /health/ready "
                    + "name them"
            }
            lines += live.filter { $0.rules == adopted.digest && $0.hasReceiver != adopted.rules.hasReceiver }.map {
                "worker \($0.worker) has \($0.hasReceiver ? "a" : "no") receiver"
            }
            return lines
        }

        private static func told(_ adopted: SharedRules.Adopted?, _ live: [WorkerSaying]) -> JSONObject {
            JSONObject { json in
                json.member("digest", ifPresent: adopted?.digest)
                json.member("hasReceiver", ifPresent: adopted?.rules.hasReceiver)
                json.member("rules", ifPresent: adopted?.rules.values)
                json.member(
                    "workers",
                    live.map { worker in
                        JSONObject { json in
                            json.member("worker", worker.worker)
                            json.member("digest", worker.rules)
                            json.member("hasReceiver", worker.hasReceiver)
                            json.member("isAdopted", worker.rules == adopted?.digest)
                        }
                    })
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

        @OptionGroup var output: OutputArguments

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
                    let isGivenUp = !rules.hasReceiver && known?.rules.hasReceiver == true
                    let dropped = isGivenUp ? try await droppedEvents(of: store) : 0
                    try await Logger.audited(.adoptRules, [.rulesDigest: "\(rules.digest)"]) { _ in
                        guard try await store.adopt(rules, insteadOf: known?.digest) else {
                            throw StartError(
                                .unavailable, "Other rules were adopted meanwhile: look at them, then try again.")
                        }
                    }
                    let differences = (known.map { rules.differences(from: $0.rules) } ?? [])
                        .map { $0.replacing(", adopted is ", with: ", was ") }
                    let live = try await store.liveWorkers().filter { $0.rules == rules.digest }.count
                    let told = JSONObject { json in
                        json.member("adopted", rules.digest)
                        json.member("differences", differences)
                        json.member("workers", live)
                        json.member("droppedEvents", dropped)
                    }
                    output.print(told, Self.lines(rules.digest, differences, live: live, dropped: dropped))
                }
            }
        }

        private static func lines(
            _ digest: SharedRules.Digest, _ differences: [String], live: Int, dropped: Int
        ) -> [String] {
            var lines = dropped > 0 ? ["\(dropped) waiting events will be told to nobody"] : []
            lines += differences + ["adopted \(digest)"]
            if live == 0 {
                lines.append(
                    "No live worker has these rules: start workers with them now. Until then nobody settles or "
                        + "delivers, and in 30 s a worker with others adopts its own again.")
            }
            return lines
        }

        /// How many events the receiver will not hear of.
        /// - Throws: `StartError` where that is not wanted.
        private func droppedEvents(of store: PresenceStore) async throws -> Int {
            let waiting = try await store.waitingEvents()
            guard waiting == 0 || dropEvents else {
                throw StartError(
                    .unavailable,
                    "\(waiting) events wait for the receiver that these rules give up: name it with --callback-url, or "
                        + "say --drop-events.")
            }
            return waiting
        }
    }
}
