/// All that happened in a run: what clients were told, what the receiver heard, what was done to the service, and what
/// stood in Redis at the end. A value: the checker needs nothing else.
package struct History: Codable, Sendable {
    package struct Rules: Codable, Sendable {
        /// Heartbeat timeouts by platform, in milliseconds, and which platforms have push.
        package var timeoutMs: [String: Int]
        /// How long nobody is taken for lost after an outage, or a step of Redis' clock.
        package var graceMs: [String: Int]
        package var pushPlatforms: Set<String>
        package var pushRetentionMs: Int
        package var policy: String
        /// Sessions at once, by platform; 1 where nothing is said.
        package var limits: [String: Int]

        package init(
            timeoutMs: [String: Int], graceMs: [String: Int], pushPlatforms: Set<String>, pushRetentionMs: Int,
            policy: String,
            limits: [String: Int]
        ) {
            self.timeoutMs = timeoutMs
            self.graceMs = graceMs
            self.pushPlatforms = pushPlatforms
            self.pushRetentionMs = pushRetentionMs
            self.policy = policy
            self.limits = limits
        }
    }

    /// Data that a fault is declared to lose: what was changed in this time may be as if it had not been.
    package struct Loss: Codable, Sendable, Equatable {
        package var fromMs: RunMs
        package var toMs: RunMs
        /// From when on it can show.
        package var sinceMs: RunMs

        package init(fromMs: RunMs, toMs: RunMs, sinceMs: RunMs) {
            self.fromMs = fromMs
            self.toMs = toMs
            self.sinceMs = sinceMs
        }
    }

    /// A time in which something was done to the service.
    package struct Fault: Codable, Sendable, Equatable {
        package var name: String
        package var fromMs: RunMs
        package var toMs: RunMs
        /// Silence may be noticed late.
        package var delaysDetection: Bool
    }

    /// A time in which this machine did not run who was due.
    package struct Stall: Codable, Sendable, Equatable {
        package var atMs: RunMs
        package var lengthMs: Int
    }

    package var seed: UInt64
    package var rules: Rules
    /// Redis time, in milliseconds, at which the run began; nil where a fault moves that clock.
    package var epochMs: Int?
    package var calls: [Call] = []
    package var attempts: [ReceivedPost] = []
    package var faults: [Fault] = []
    package var losses: [Loss] = []
    package var stalls: [Stall] = []
    /// The sessions whose clients heartbeat to the very end, and were never told otherwise.
    package var believed: [String: String] = [:]
    /// What queries said of every user when all was quiet.
    package var answers: [String: Dump.User] = [:]
    package var dump = Dump()
    /// Something never became quiet, as a sentence: found by waiting in vain.
    package var unrest: [String] = []

    /// When Redis' clock jumped ahead.
    package var steps: [RunMs] = []
    /// What grew that may not, as sentences.
    package var growth: [String] = []
    /// Events that were delivered long ago are not in the dump, and of a session's heartbeats only the last is here.
    package var isLong = false
    /// Calls that were made, those among them that are not here.
    package var operations = 0

    package init(seed: UInt64, rules: Rules, epochMs: Int?) {
        self.seed = seed
        self.rules = rules
        self.epochMs = epochMs
    }
}
