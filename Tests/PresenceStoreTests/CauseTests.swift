import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite("The call that caused a change") struct CauseTests {
    private static let cause = Cause(
        request: RequestID("call-1"), trace: TraceParent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))

    @Test("is in the event of each change it made, and in no other")
    func kept() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let cause = Self.cause
            let login = try await store.login(.ann, platform: .iPhone, instance: .unnamed, cause: cause)
            guard case .accepted(let phone) = login else { throw Unexpected("not accepted: \(login)") }
            _ = try await store.disconnect(.ann, session: phone.session, cause: cause)
            _ = try await store.logout(.ann, session: phone.session, cause: cause)
            try await store.loggedIn(.ann, .web)
            _ = try await store.kick(.ann, cause: Cause(request: nil, trace: cause?.trace))
            let causes = try await store.changes(.ann).map(\.cause)
            #expect(causes == [cause, cause, cause, nil, Cause(request: nil, trace: cause?.trace)])
        }
    }

    @Test("stays with an event that is set aside, dies, and is delivered once more")
    func whole() async throws {
        try await withStore(shards: 1) { store in
            _ = try await store.login(.ann, platform: .web, instance: .unnamed, cause: Self.cause)
            let fence = try await store.fence()
            let entries = try await store.entries(0)
            let aside = try await store.setAside(entries[...], of: 0, fence)
            #expect(try await store.asideEntries().first?.change?.cause == Self.cause)
            _ = try await store.finish(aside[0], whyDead: "refused", fence)
            #expect(try await store.deadLetters(of: 0).first?.entry.change?.cause == Self.cause)
            #expect(try await store.replayDeadLetters(of: 0).replayed == 1)
            #expect(try await store.asideEntries().first?.change?.cause == Self.cause)
        }
    }

    @Test("is none where an event of an earlier version has no fields for it, or somebody wrote other things there")
    func others() async throws {
        try await withStore(shards: 1) { store in
            _ = try await store.login(.ann, platform: .web, instance: .unnamed, cause: Self.cause)
            let events = store.keys.events(0)
            let written = try await store.command("XRANGE", events, "-", "+").array?[0].array?[1].array ?? []
            let fields = written.compactMap(\.string)
            #expect(fields.count == 26)
            let known = Array(fields.prefix(22))
            let last = fields[25]
            for (more, cause) in [
                ([], nil), (["attempts", "3"], nil), (["request", "", "traceparent", ""], nil),
                (["request", "a\r\nX: y", "traceparent", "\(last)\r\n"], nil),
                (["request", "call-1"], Cause(request: RequestID("call-1"), trace: nil)),
                (["request", "call-1", "traceparent", last, "attempts", "3"], Self.cause),
            ] as [([String], Cause?)] {
                try await store.command(["XADD", events, "*"] + known + more)
                #expect(try await store.changes(.ann).last?.cause == cause, "\(more)")
            }
            #expect(try await store.changes(.ann).count == 7)
        }
    }
}
