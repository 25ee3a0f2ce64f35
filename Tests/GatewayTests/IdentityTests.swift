import PresenceCore
import Support
import Testing

@testable import Gateway

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

    @Test(
        "The parameters of a request are split at their bytes, and decoded once",
        arguments: [
            ("/v1/connect", [:]), ("/v1/connect?", [:]), ("/v1/connect?user", [:]), ("/v1/connect?user=", [:]),
            ("/v1/connect?user=a%26b%3Dc", [.user: "a&b=c"]), ("/v1/connect?user=a=b?c", [.user: "a=b?c"]),
            ("/v1/connect?&&user=a&&platform=Web&", [.user: "a", .platform: "Web"]),
            ("/v1/connect?user=a+b%2B", [.user: "a+b+"]), ("/v1/connect?user=%2541", [.user: "%41"]),
            ("/v1/connect?user=%EF%BB%BFann", [.user: "\u{FEFF}ann"]), ("/v1/connect?%75ser=ann", [:]),
            ("/v1/connect?user=a&\u{301}network=x", [.user: "a"]), ("/v1/connect?user=\u{301}x", [.user: "\u{301}x"]),
        ] as [(String, [ConnectRequest.Parameter: String])])
    func parameters(_ uri: String, _ expected: [ConnectRequest.Parameter: String]) throws {
        let parameters = try ConnectRequest.parameters(of: uri)
        #expect(parameters.mapValues { Array($0.utf8) } == expected.mapValues { Array($0.utf8) })
    }

    @Test(
        "What cannot be decoded is refused by name",
        arguments: ["%", "%4", "%GG", "%+4", "%FF", "%C3", "%C0%AF", "%ED%A0%80", "%EF%BBann"])
    func refused(_ value: String) {
        let error = #expect(throws: InvalidInput.self) {
            try ConnectRequest.parameters(of: "/v1/connect?user=\(value)")
        }
        #expect(error?.field == "user")
    }
}
