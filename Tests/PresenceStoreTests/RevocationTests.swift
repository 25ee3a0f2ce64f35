import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct RevocationTests {
    private func isRevoked(_ answer: LoginAnswer) -> Bool {
        if case .revoked = answer { true } else { false }
    }

    private func login(_ store: PresenceStore, issuedAt: Int64?, instance: String = "1") async throws -> LoginAnswer {
        try await store.login(
            .ann, platform: .web, instance: InstanceID(instance), userSigIssuedAtMs: issuedAt.map { Int($0) })
    }

    @Test("A usersig issued up to the kick is revoked, a later one and a login without one are not")
    func moment() async throws {
        try await withStore { store in
            _ = try await store.kick(.ann, revokingUserSigs: true)
            let kick = try #require(
                try await store.command("GET", store.keys.revoked(.ann)).string.flatMap { Int64($0) })
            #expect((try await store.nowMs() - 5_000...store.nowMs()).contains(kick))
            let before = try await store.digest()
            for issuedAt in [0, kick - 1, kick] { #expect(isRevoked(try await login(store, issuedAt: issuedAt))) }
            #expect(try await store.digest() == before, "a refused login changes nothing")
            #expect(!isRevoked(try await login(store, issuedAt: kick + 1)))
            #expect(!isRevoked(try await login(store, issuedAt: nil)))
            let other = try await store.login(.bob, platform: .web, instance: .unnamed, userSigIssuedAtMs: 0)
            #expect(!isRevoked(other))
        }
    }

    @Test("A revocation is remembered as long as the oldest usersig accepted, and a plain kick makes none")
    func retention() async throws {
        try await withStore { store in
            try await store.loggedIn(.ann, .web)
            _ = try await store.kick(.ann)
            #expect(try await store.command("EXISTS", store.keys.revoked(.ann)).int == 0)
            _ = try await store.kick(.ann, revokingUserSigs: true)
            let ttl = try #require(try await store.ttl(store.keys.revoked(.ann)))
            let most = Int64(store.options.userSigAgeMaxMs)
            #expect((most - 5_000...most).contains(ttl))
        }
    }

    @Test("However logins with an old usersig race a kick, none of them is left when it has answered")
    func race() async throws {
        try await withStore(limits: LoginLimits(policy: .multi, instances: [.web: 100])) { store in
            let issuedAt = try await store.nowMs() - 1_000
            for round in 0..<20 {
                try await store.command("DEL", store.keys.revoked(.ann))
                try await withThrowingTaskGroup { group in
                    for number in 0..<20 {
                        group.addTask { _ = try await login(store, issuedAt: issuedAt, instance: "\(round)-\(number)") }
                        if number == 10 { group.addTask { _ = try await store.kick(.ann, revokingUserSigs: true) } }
                    }
                    try await group.waitForAll()
                }
                #expect(try await store.statuses(.ann) == [:], "round \(round)")
            }
        }
    }
}
