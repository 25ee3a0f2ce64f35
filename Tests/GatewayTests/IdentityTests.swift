import Support
import Testing

@Suite("Who connects is who is named, byte by byte")
struct IdentityTests {
    /// Two users each, with the first as the query names it.
    private static let pairs = [
        (query: "%EF%BB%BFann", id: "\u{FEFF}ann", other: "ann"), (query: "ann", id: "ann", other: "\u{FEFF}ann"),
        (query: "e%CC%81", id: "e\u{301}", other: "\u{E9}"), (query: "%e2%84%aa", id: "\u{212A}", other: "K"),
    ]

    @Test("A token of one user lets in that user, and nobody who looks the same")
    func tokens() async throws {
        let folder = try temporaryFolder("keys")
        defer { removeFolder(folder) }
        try await Deployment.with(workers: 1, try Issuer.settings(folder)) { deployment in
            for (query, id, other) in Self.pairs {
                for token in [Issuer.userSig(other), try await Issuer.jwt(other)] {
                    try await deployment.withToken(token, of: query) {
                        try await $0.expectRefusal("unauthorized", closes: 4001)
                    }
                }
                for token in [Issuer.userSig(id), try await Issuer.jwt(id)] {
                    try await deployment.withToken(token, of: query) { client in
                        _ = try await client.welcome()
                        let user = try await deployment.backend.call(.get, "/v1/users/\(query)").body
                        #expect(user["user"].string?.utf8.elementsEqual(id.utf8) == true)
                        #expect(user["status"].string == "Online")
                        #expect(try await deployment.backend.status(other) == "Offline")
                    }
                }
            }
        }
    }
}
