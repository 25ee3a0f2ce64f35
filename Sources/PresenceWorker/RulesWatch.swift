import PresenceStore

/// Whether this worker may own shards: those share them whose rules are the adopted ones. Pure: time is passed in.
struct RulesWatch {
    typealias Instant = ContinuousClock.Instant

    enum Verdict: Equatable {
        /// It shares the shards with these, itself among them.
        case shares(with: [String])
        /// The same, but it has no receiver where the rules say there is one, and no worker has: events wait.
        case standsIn(with: [String])
        /// It is to adopt these, instead of those with this digest.
        case adopts(SharedRules, insteadOf: SharedRules.Digest?)
        /// It serves calls and owns nothing.
        case waits
    }

    let own: SharedRules
    let adoptAfter: Duration
    /// Since when no live worker has the adopted rules.
    private var unheldSince: Instant?

    init(_ own: SharedRules, adoptAfter: Duration) {
        self.own = own
        self.adoptAfter = adoptAfter
    }

    mutating func judge(_ membership: Membership, now: Instant) -> Verdict {
        guard let adopted = membership.rules else { return .adopts(own, insteadOf: nil) }
        let holders = membership.live.filter { $0.rules == adopted.digest }
        if own.digest == adopted.digest {
            unheldSince = nil
            return judge(adopted, holders)
        }
        guard holders.isEmpty else {
            unheldSince = nil
            return .waits
        }
        let since = unheldSince ?? now
        unheldSince = since
        guard now - since >= adoptAfter else { return .waits }
        // Giving up the receiver takes the command.
        var rules = own
        rules.hasReceiver = own.hasReceiver || adopted.rules.hasReceiver
        return .adopts(rules, insteadOf: adopted.digest)
    }

    /// The rules are the same but perhaps for the receiver.
    private func judge(_ adopted: SharedRules.Adopted, _ holders: [WorkerSaying]) -> Verdict {
        switch (own.hasReceiver, adopted.rules.hasReceiver) {
        case (true, false): return .adopts(own, insteadOf: adopted.digest)
        case (false, true):
            let isDelivered = holders.contains(where: \.hasReceiver)
            return isDelivered ? .waits : .standsIn(with: holders.map(\.worker))
        case (let hasReceiver, _):
            return .shares(with: holders.filter { $0.hasReceiver == hasReceiver }.map(\.worker))
        }
    }
}
