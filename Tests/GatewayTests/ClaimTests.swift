import Foundation
import Support
import Testing

@Suite("Audience and issuer of JWTs", .beside(workers: 1, settings: Issuer.settingsWithNames))
struct ClaimTests {
    @Test(
        "A JWT for this service, by its issuer, lets its user in",
        arguments: [
            #""aud":"presence","iss":"https://id.example""#, #""aud":["x","presence"],"iss":"https://id.example""#,
        ])
    func accepted(_ claims: String) async throws {
        try await Deployment.ofSuite.withToken(Issuer.jwtOfAnn(claims), of: "ann") { _ = try await $0.welcome() }
    }

    @Test(
        "Of any other it is told which claim is missing or wrong",
        arguments: [
            (#""iss":"https://id.example""#, "the token has no aud"),
            (#""aud":null,"iss":"https://id.example""#, "the token has no aud"),
            (#""aud":"presence/","iss":"https://id.example""#, "the token is not for this service: its aud differs"),
            (
                #""aud":["Presence","x"],"iss":"https://id.example""#,
                "the token is not for this service: its aud differs"
            ),
            (#""aud":[],"iss":"https://id.example""#, "the token is not for this service: its aud differs"),
            (#""aud":7,"iss":"https://id.example""#, "the token's aud must be a string or an array of strings"),
            (#""aud":["presence",7],"iss":"https://id.example""#, "the token's aud[1] must be a string"),
            (#""aud":"presence""#, "the token has no iss"),
            (#""aud":"presence","iss":"https://id.example/""#, "the token is of another issuer: its iss differs"),
            (#""aud":"presence","iss":["https://id.example"]"#, "the token's iss must be a string"),
        ])
    func refused(_ claims: String, detail: String) async throws {
        try await Deployment.ofSuite.withToken(Issuer.jwtOfAnn(claims), of: "ann") { client in
            let answer = try await client.messageAnswer()
            #expect(answer["detail"].string == detail)
            #expect(try await client.closing().code == 4001)
        }
    }

    @Test("Usersigs have neither and go on to be good")
    func userSig() async throws {
        try await Deployment.ofSuite.withToken(Issuer.userSig("ann"), of: "ann") { _ = try await $0.welcome() }
    }
}

extension Issuer {
    fileprivate static func settingsWithNames(_ folder: String) throws -> [String: String] {
        try settings(folder).merging([
            "connect.jwt-audience": "presence", "connect.jwt-issuer": "https://id.example",
        ]) { $1 }
    }

    /// Of ann, with these claims beside.
    fileprivate static func jwtOfAnn(_ claims: String) -> String {
        let text = #"{"sub":"ann","exp":4000000000,\#(claims)}"#
        return hs256(#"{"alg":"HS256"}"#, claims: Data(text.utf8).base64URLEncoded)
    }
}
