/// What must hold of every history, as a sentence and as a function that finds where it does not.
package struct Invariant: Sendable {
    /// `order`
    package let name: String
    package let sentence: String
    let find: @Sendable (Evidence) -> [String]

    package static let all: [Invariant] =
        deliveryInvariants + modelInvariants + timeInvariants + callInvariants + redisInvariants

    static let deliveryInvariants = [
        Invariant(
            name: "same-id-same-body", sentence: "Every attempt of one event has the same body.",
            find: { $0.differentBodies }),
        Invariant(
            name: "one-id-one-change", sentence: "No two changes have one id, no two of a user one version.",
            find: { $0.doubledChanges }),
        Invariant(
            name: "order",
            sentence: "Per user, after dropping duplicates, versions rise and each event names the one before.",
            find: { $0.misorderedEvents }),
        Invariant(
            name: "as-committed", sentence: "What the receiver heard is committed, and says the same.",
            find: { $0.inventedEvents }),
        Invariant(
            name: "committed-is-delivered",
            sentence: "What is committed is delivered or a dead letter; after healing nothing is pending.",
            find: { $0.undeliveredChanges }),
    ]

    static let modelInvariants = [
        Invariant(
            name: "edges",
            sentence: "Every change is an edge of the session's state machine, and tells the user's status.",
            find: { $0.folds.values.flatMap(\.brokenEdges) }),
        Invariant(
            name: "policy",
            sentence: "A user never has more sessions than the policy allows, and a login ends just those.",
            find: { $0.folds.values.flatMap(\.brokenLimits) + $0.crowdedAnswers }),
        Invariant(
            name: "final-state", sentence: "After healing the last event, a query, Redis and the clients agree.",
            find: { $0.disagreements }),
    ]

    static let timeInvariants = [
        Invariant(
            name: "no-false-offline",
            sentence: "No session ends by silence within its timeout of an acknowledged heartbeat.",
            find: { $0.falseEnds }),
        Invariant(
            name: "detection", sentence: "A silent session is settled within its timeout and 2 s.",
            find: { $0.lateEnds }),
        Invariant(
            name: "push-expiry", sentence: "PushOnline ends after its retention, and within 2 s of it.",
            find: { $0.wrongExpiries }),
    ]

    static let callInvariants = [
        Invariant(
            name: "acknowledged", sentence: "Every acknowledged change is committed, and as it was answered.",
            find: { $0.lostAcknowledgements }),
        Invariant(
            name: "asked-for",
            sentence:
                "Every change was asked for by a call that did not certainly fail; an unknown call makes one at most.",
            find: { $0.unaskedChanges }),
        Invariant(
            name: "ended-is-ended", sentence: "No operation of an ended session succeeds.",
            find: { $0.lateSuccesses }),
        Invariant(
            name: "queries",
            sentence: "A query shows a committed change, and none older than one acknowledged before it.",
            find: { $0.wrongAnswers }),
    ]

    static let redisInvariants = [
        Invariant(
            name: "ttl-and-index", sentence: "Nothing is left in Redis without TTL or index.",
            find: { $0.leftovers }),
        Invariant(
            name: "counters", sentence: "The counters say what can be counted.",
            find: { $0.wrongCounters }),
        Invariant(
            name: "quiet",
            sentence: "After healing everything becomes quiet: deliveries end, silent sessions are settled.",
            find: { $0.history.unrest }),
        Invariant(
            name: "growth", sentence: "In a long run memory, descriptors and connections do not grow.",
            find: { $0.history.growth }),
    ]
}

/// Where an invariant does not hold.
package struct Breach: Sendable, Equatable, CustomStringConvertible {
    package let invariant: String
    package let detail: String
    package var description: String { "[\(invariant)] \(detail)" }

    package init(invariant: String, detail: String) {
        self.invariant = invariant
        self.detail = detail
    }
}

extension History {
    /// Everything in this history that may not be. Pure.
    package var breaches: [Breach] {
        let evidence = Evidence(self)
        return Invariant.all.flatMap { invariant in
            invariant.find(evidence).map { Breach(invariant: invariant.name, detail: $0) }
        }
    }
}
