import PresenceCore
import PresenceStore

extension FaultedOperation {
    static let all = ofClients + ofSweeping + ofDelivery + ofWorkers + ofInspection

    /// What clients and backends ask for.
    static let ofClients = [
        FaultedOperation("login") { _ in login(.android, 9) },
        FaultedOperation("login that displaces") { stage in
            try await stage.login(.mac, 1, link: 7)
            return login(.android, 9)
        },
        FaultedOperation("login of a device that is in") { stage in
            try await stage.login(.android, 1, link: 7)
            return login(.android, 9)
        },
        FaultedOperation("login of a device that was lost") { stage in
            let lost = try await stage.login(.android, 1)
            _ = try await stage.store.disconnect(Stage.ann, session: lost)
            return login(.android, 9)
        },
        FaultedOperation("login that is refused") { stage in
            try await stage.login(.mac, 1)
            return login(.android, 9, mayDisplace: false)
        },
        FaultedOperation("heartbeat") { stage in
            let session = try await stage.login(.web, 1)
            try await stage.pass(ms: 30_000)
            return heartbeat(session)
        },
        FaultedOperation("heartbeat that revives") { stage in
            let session = try await stage.login(.web, 1)
            try await stage.pass(ms: 61_000)
            return heartbeat(session)
        },
        FaultedOperation("disconnect to PushOnline") { stage in disconnect(try await stage.login(.android, 1)) },
        FaultedOperation("disconnect to Offline") { stage in disconnect(try await stage.login(.web, 1)) },
        FaultedOperation("logout") { stage in
            let session = try await stage.login(.android, 1, link: 7)
            return { "\(try await $0.logout(Stage.ann, session: session))" }
        },
        FaultedOperation("kick") { stage in
            try await stage.login(.android, 1, link: 7)
            try await stage.login(.android, 2)
            let operation = OperationID(try Generation("k1"))
            return {
                "\(try await $0.kick(Stage.ann, note: "why", revokingUserSigs: true, operation: operation))"
            }
        },
        FaultedOperation("resume") { stage in
            let session = try await stage.login(.web, 1, link: 7)
            try await stage.pass(ms: 61_000)
            return { "\(try await $0.resume(Stage.ann, session: session, link: 8))" }
        },
    ]

    static func login(_ platform: Platform, _ number: Int, mayDisplace: Bool = true) -> Attempt {
        { store in
            let id = try Stage.session(platform, number)
            let answer = try await store.login(
                Stage.ann, platform: platform, instance: id.instance, link: 9, mayDisplace: mayDisplace,
                generation: id.generation)
            return "\(answer)"
        }
    }

    static func heartbeat(_ session: SessionID) -> Attempt {
        { store in
            let answer = await store.heartbeat([UserSession(user: Stage.ann, session: session)])
            if let failure = answer.failed.first { throw failure.error }
            return "\(answer.gone)"
        }
    }

    static func disconnect(_ session: SessionID) -> Attempt {
        { "\(try await $0.disconnect(Stage.ann, session: session))" }
    }

    /// What the owner of a shard does once a second.
    static let ofSweeping = [
        FaultedOperation("tend") { stage in
            _ = try await stage.events(3)
            let fence = try await stage.owned()
            try await stage.pass(ms: 61_000)
            return { try await tend($0, fence) }
        },
        FaultedOperation("settling") { stage in
            _ = try await stage.events(3)
            try await stage.login(.android, 1)
            try await stage.pass(ms: 401_000)
            _ = try await stage.owned()
            return settle(try Stage.users(3) + [Stage.ann])
        },
        FaultedOperation("settling of those that live") { stage in
            _ = try await stage.events(2)
            _ = try await stage.owned()
            return settle(try Stage.users(2))
        },
        FaultedOperation("settling of what cannot be read") { stage in
            _ = try await stage.events(2)
            try await stage.server.command(
                "HSET", stage.store.keys.user(try UserID("user-0")), "Web:default", "nonsense")
            try await stage.pass(ms: 61_000)
            _ = try await stage.owned()
            return settle(try Stage.users(2))
        },
        FaultedOperation("forgetting strangers") { stage in
            try await stage.server.command("ZADD", stage.store.keys.deadlines(0), "1", "\u{1}")
            return { store in
                try await store.forget(["\u{1}"], of: 0)
                return ""
            }
        },
        FaultedOperation("lowering deadlines") { stage in
            _ = try await stage.events(3)
            let fence = try await stage.owned()
            try await stage.server.command("HSET", stage.store.keys.owner(0), "rules", "others")
            return { store in
                _ = try await store.lowerDeadlines([0: fence]).only()
                return ""
            }
        },
        FaultedOperation("counting anew") { stage in
            _ = try await stage.events(3)
            try await stage.server.command("HSET", stage.store.keys.counts(0), "users:Online", "17")
            return { "\(try await $0.recount(0))" }
        },
    ]

    private static func tend(_ store: PresenceStore, _ fence: Fence) async throws -> String {
        let answer = await store.tend([0: fence], leaseMs: 60_000, renewAtMs: 40_000, usersMax: 2)
        guard case .tended(let tended) = try answer.only() else { return "lost" }
        return "\(tended.due)"
    }

    static func settle(_ users: [UserID]) -> Attempt {
        { store in
            let answer = await store.settle(users)
            if let failure = answer.failures[0] { throw failure }
            return ""
        }
    }

    static let ofDelivery = [
        FaultedOperation("opening an outbox") { stage in
            _ = try await stage.events(3)
            let fence = try await stage.owned()
            try await stage.server.command("HSET", stage.store.keys.cursor(0), "backlog", "17", "id", "nonsense")
            return { "\(try await $0.openOutboxes([0: fence]).only()??.cursor.position ?? "-")" }
        },
        FaultedOperation("reading events") { stage in
            _ = try await stage.events(3)
            return { "\(try await $0.events(from: [0: "0-0"], limit: 10).only() ?? [])" }
        },
        FaultedOperation("acknowledging, with one set aside") { stage in
            let fence = try await stage.owned()
            let entries = try await stage.events(3)
            var done = stage.done(entries, fence, aside: [entries[1]])
            done[0]?.attempts = [entries[0].position: 3, entries[1].position: 2]
            let events = done
            return { store in
                _ = try await store.acknowledge(events).only()
                return ""
            }
        },
        FaultedOperation("finishing what was set aside") { stage in
            let fence = try await stage.owned()
            let aside = try await stage.asideEntries(3, fence)
            let finished = zip(aside, ["400", nil, "410"]).map { FinishedAside(entry: $0, whyDead: $1, attempts: 2) }
            return { store in
                _ = try await store.finishAside([0: (fence, finished)]).only()
                return ""
            }
        },
        FaultedOperation("replaying dead letters") { stage in
            try await stage.deadLetters(3, try await stage.owned())
            return { store in
                _ = try await store.replayDeadLetters(of: 0)
                return ""
            }
        },
        FaultedOperation("dropping dead letters") { stage in
            try await stage.deadLetters(3, try await stage.owned())
            let letters = try await stage.store.deadLetters(of: 0).prefix(2).map(\.entry.position)
            return { store in
                _ = try await store.dropDeadLetters(letters, of: 0)
                return ""
            }
        },
        FaultedOperation("passing events") { stage in
            _ = try await stage.events(3)
            let fence = try await stage.owned()
            return { "\(try await $0.passEvents([0: fence]).only()?.position ?? "-")" }
        },
        FaultedOperation("trimming") { stage in
            let entries = try await stage.events(3)
            let fence = try await stage.owned()
            _ = await stage.store.acknowledge(stage.done(entries, fence))
            try await stage.pass(ms: 700_000)
            return { store in
                _ = try await store.trimEvents(of: [0]).only()
                return ""
            }
        },
    ]

    static let ofWorkers = [
        FaultedOperation("taking a shard") { _ in
            { "\(try await $0.own([0], leaseMs: 60_000).only()?.fence ?? 0)" }
        },
        FaultedOperation("giving a shard up") { stage in
            let fence = try await stage.owned()
            return { store in
                _ = try await store.release([0: fence]).only()
                return ""
            }
        },
        FaultedOperation("noting the layout") { _ in
            { store in
                _ = try await store.checkLayout()
                return ""
            }
        },
        FaultedOperation("adopting rules") { _ in
            { store in
                // One who is not sure asks which rules stand.
                let known = try await store.adoptedRules()?.digest
                let own = store.options.rules(hasReceiver: true)
                if known != own.digest { _ = try await store.adopt(own, insteadOf: known) }
                return ""
            }
        },
    ]

    /// What people do who look after it.
    static let ofInspection = [
        FaultedOperation("looking at users") { stage in
            let user = try await stage.login(.web, 1)
            return { "\(try await $0.look(at: [Stage.ann: [user]]).keys)" }
        },
        FaultedOperation("looking at a shard") { stage in
            _ = try await stage.events(3)
            return { store in
                _ = try await store.look(at: [0]).only()
                return ""
            }
        },
        FaultedOperation("going through users") { stage in
            _ = try await stage.events(3)
            return { "\(try await $0.userPages([(0, nil, 2)]).only()?.places.map(\.name) ?? [])" }
        },
        FaultedOperation("mending a user") { stage in
            let session = try await stage.login(.web, 1)
            guard case .seen(let look) = try await stage.store.look(at: [Stage.ann: []])[Stage.ann] else {
                throw DrivenServer.Unusable("a user could not be looked at")
            }
            let keys = stage.store.keys
            try await stage.server.command("PERSIST", keys.lease(Stage.ann, session))
            try await stage.server.command("ZREM", keys.deadlines(0), Stage.ann.rawValue)
            return { store in
                try await store.mend([look])
                return ""
            }
        },
        FaultedOperation("mending a backlog") { stage in
            _ = try await stage.events(3)
            try await stage.server.command("HSET", stage.store.keys.cursor(0), "backlog", "17")
            return { store in
                _ = try await store.mendBacklog(of: 0)
                return ""
            }
        },
    ]

    /// What leaves something else every time.
    static let others = [
        FaultedOperation("registering") { _ in
            { store in
                _ = try await store.register(silenceMs: 5_000)
                return ""
            }
        }
    ]
}
