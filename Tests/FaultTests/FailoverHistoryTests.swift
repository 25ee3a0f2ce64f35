import Support
import Testing

@Suite("The judge of failovers")
struct FailoverHistoryTests {
    /// A login that was lost after it was delivered, and the login after it; the user who stayed on record besides.
    private var innocent: FailoverHistory {
        var history = FailoverHistory()
        history.acknowledged = [
            .init(id: "a-1", user: "ann", at: .now), .init(id: "b-2", user: "ann", at: .now),
            .init(id: "c-3", user: "ann", at: .now), .init(id: "d-4", user: "bob", at: .now),
        ]
        history.denials = [.init(login: "b-2", user: "ann", what: "that it is gone")]
        history.renewals = ["ann": [1], "bob": [3]]
        history.promotedWith = [["a-1", "d-4"]]
        history.kept = [
            Self.change("a-1", "ann"), Self.change("d-4", "bob"), Self.change("c-3", "ann", after: 1),
        ]
        history.heard = [
            Self.event("a-1", "ann"), Self.event("b-2", "ann", after: 1), Self.event("d-4", "bob"),
            Self.event("a-1", "ann"), Self.event("c-3", "ann", after: 1),
        ]
        return history
    }

    private static func change(
        _ id: String, _ user: String, after previous: Int = 0, _ change: String = "Login/Register"
    ) -> FailoverHistory.Change {
        let version = id.split(separator: "-").last.flatMap { Int($0) } ?? 0
        return .init(id: id, user: user, version: version, previous: previous, change: change)
    }

    private static func event(_ id: String, _ user: String, after previous: Int = 0) -> CallbackReceiver.Event {
        CallbackReceiver.Event(
            .object([
                "Info": .object(["To_Account": .text(user), "Action": "Login", "Reason": "Register"]),
                "Presence": .object([
                    "id": .text(id), "version": .number(id.split(separator: "-").last.flatMap { Double($0) } ?? 0),
                    "previous": .number(Double(previous)),
                ]),
            ]))
    }

    @Test("What may be passes, and is counted")
    func innocence() {
        #expect(innocent.faults == [])
        #expect(innocent.lost.map(\.id) == ["b-2"])
        #expect(innocent.heardAndLost == ["b-2"])
    }

    @Test("Who was silent for a whole timeout may be told to have timed out")
    func silence() {
        var history = innocent
        let end = Self.change("e-12003", "bob", after: 4, "Disconnect/TimeOut")
        history.kept.append(end)
        history.heard.append(Self.event("e-12003", "bob", after: 4))
        history.denials.append(.init(login: "d-4", user: "bob", what: "Offline"))
        #expect(history.faults == [])
        history.renewals["bob"]?.append(4)
        #expect(history.faults.contains { $0.contains("bob stayed, and e-12003 says Disconnect/TimeOut") })
    }

    struct Mutation: Sendable {
        let fault: String
        let change: @Sendable (inout FailoverHistory) -> Void

        init(_ fault: String, _ change: @escaping @Sendable (inout FailoverHistory) -> Void) {
            self.fault = fault
            self.change = change
        }
    }

    private static let mutations = [
        Mutation("was on the replica, and is lost") { $0.promotedWith[0].insert("b-2") },
        Mutation("d-4 was never delivered") { $0.heard.remove(at: 2) },
        Mutation("names 1 as the change before it") { $0.kept.remove(at: 0) },
        Mutation("c-3 came after version 0") { $0.heard.removeFirst(4) },
        Mutation("told Offline") { $0.denials.append(.init(login: "d-4", user: "bob", what: "Offline")) },
        Mutation("bob stayed, and d-4 says Disconnect") { $0.kept[1].change = "Disconnect/TimeOut" },
        Mutation("bob was in d-4 and told Offline") {
            $0.kept.append(change("e-5", "bob", after: 4, "Disconnect/TimeOut"))
            $0.denials.append(.init(login: "d-4", user: "bob", what: "Offline"))
        },
        Mutation("that b-2 is lost does not show") { $0.heard[4] = event("c-3", "ann", after: 2) },
    ]

    @Test("What may not be is found", arguments: mutations.indices)
    func guilt(_ index: Int) {
        var history = innocent
        Self.mutations[index].change(&history)
        #expect(history.faults.contains { $0.contains(Self.mutations[index].fault) }, "\(history.faults)")
    }
}
