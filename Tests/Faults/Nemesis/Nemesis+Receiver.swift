import Support

/// The callback receiver fails, in one way.
struct FailingReceiver: Nemesis {
    let name: String
    let behaviour: FaultyReceiver.Behaviour
    let holdMs = 1_000...4_000

    init(_ name: String, _ behaviour: FaultyReceiver.Behaviour) {
        self.name = "receiver-\(name)"
        self.behaviour = behaviour
    }

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.receiver.behave(behaviour)
    }

    func heal(_ stage: Stage) async throws { try await stage.receiver.behave(.well) }

    static let all: [any Nemesis] = [
        FailingReceiver("down", .down), FailingReceiver("slow", .slow(ms: 2_500)),
        FailingReceiver("500", .status(500)), FailingReceiver("400", .status(400)),
        FailingReceiver("429", .status(429, retryAfter: 2)), FailingReceiver("redirect", .redirect),
        FailingReceiver("reset", .reset), FailingReceiver("endless", .endless),
        FailingReceiver("any", .any),
    ]
}
