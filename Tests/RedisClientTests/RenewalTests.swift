import Foundation
import RedisClient
import Support
import Testing

@Suite("What is read anew for every connection", .timeLimit(.minutes(2)))
struct RenewalTests {
    @Test("New certificates and a new CA count for new connections, and those that cannot be used do not")
    func rotation() async throws {
        let (authority, next) = (try TestAuthority(), try TestAuthority())
        try await authority.withFiles(ours: authority.certificate()) { tls in
            let log = LogRecorder()
            let setup = RedisServerTLS(try authority.certificate(), demandsClientCertificate: true)
            try await RedisServer.withRedis(tls: setup) { server in
                try await RedisClient.use(server.url, tls, log: log) { client in
                    let folder = try #require(tls.keyFile.map { URL(filePath: $0).deletingLastPathComponent().path })
                    let first = try await connection(client)
                    let key = try Data(contentsOf: URL(filePath: "\(folder)/key.pem"))
                    try Data("half of it".utf8).write(to: URL(filePath: "\(folder)/key.pem"))
                    let second = try await reconnected(client, server, since: first)
                    #expect(log.has("cannot be read anew"))
                    try key.write(to: URL(filePath: "\(folder)/key.pem"))
                    try await server.rotate(to: next.certificate())
                    try await server.command("CLIENT", "KILL", "TYPE", "normal")
                    try await eventually(else: "the old CA is still trusted") {
                        let result = await client.pipeline([RedisCommand(keyless: "PING")])[0]
                        guard case .failure(let error) = result else { return false }
                        return error.code == .invalidConfiguration && error.message.contains("not in the file of")
                    }
                    _ = try next.certificate().write(to: folder)
                    _ = try await reconnected(client, server, since: second)
                }
            }
        }
    }

    @Test("A login that is rotated is read for every new connection; the last good one stands for one that cannot be")
    func login() async throws {
        try await RedisServer.withRedis(["--user", "me", "on", ">old-secret", "~*", "+@all"]) { server in
            try await withTemporaryFolder { folder in
                let file = "\(folder)/url"
                func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }
                try write("redis://me:old-secret@127.0.0.1:\(server.port)")
                var options = RedisClientOptions()
                options.endpointAnew = { try RedisEndpoint(String(contentsOfFile: file, encoding: .utf8)) }
                let log = LogRecorder()
                let endpoint = try RedisEndpoint(String(contentsOfFile: file, encoding: .utf8))
                try await RedisClient.use(endpoint, options, log: log) { client in
                    let first = try await connection(client)
                    try write("nonsense with old-secret")
                    let second = try await reconnected(client, server, since: first)
                    #expect(log.has("the last good login is used"))
                    try await server.command("ACL", "SETUSER", "me", "resetpass", ">new-secret")
                    try await server.command("CLIENT", "KILL", "TYPE", "normal")
                    try await eventually(else: "the old password still does") {
                        let result = await client.pipeline([RedisCommand(keyless: "PING")])[0]
                        guard case .failure(let error) = result else { return false }
                        return error.code == .rejected(.authentication)
                    }
                    try write("redis://me:new-secret@localhost:1")
                    _ = try await reconnected(client, server, since: second)
                    #expect(log.has("has changed in more than the login"))
                    #expect(!log.has("secret"))
                }
            }
        }
    }

    /// Ends the connections, and waits until another one answers.
    private func reconnected(_ client: RedisClient, _ server: RedisServer, since: String) async throws -> String {
        try await server.command("CLIENT", "KILL", "TYPE", "normal")
        var latest = since
        try await eventually(else: "no new connection") {
            latest = (try? await connection(client)) ?? since
            return latest != since
        }
        return latest
    }

    private func connection(_ client: RedisClient) async throws -> String {
        "\(try await client.send(RedisCommand(keyless: "CLIENT", "ID")).int ?? 0)"
    }
}
