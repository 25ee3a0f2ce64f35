import RedisClient
import Support

extension Dump {
    /// Reads all there is on these masters. What changes meanwhile may be read in part.
    package init(of servers: [RedisServer]) async throws {
        self.init()
        for server in servers { try await read(server) }
    }

    private mutating func read(_ server: RedisServer) async throws {
        let names = try await Self.names(server)
        let facts = try await server.batched(names.flatMap { [["TYPE", $0], ["PTTL", $0]] })
        for (index, name) in names.enumerated() {
            let ttl = facts[2 * index + 1].int ?? -2
            // Gone since it was named.
            if ttl == -2 { continue }
            keys.append(Key(name: name, type: facts[2 * index].string ?? "", ttlMs: ttl < 0 ? nil : Int(ttl)))
        }
        try await readUsers(server, names)
        try await readStreams(server, names)
        let deadlines = names.filter { $0.hasSuffix("}:deadlines") }
        for reply in try await server.batched(deadlines.map { ["ZRANGE", $0, "0", "-1"] }) {
            indexed.formUnion(reply.texts)
        }
        let counts = names.filter { $0.hasSuffix("}:counts") }
        for reply in try await server.batched(counts.map { ["HGETALL", $0] }) {
            for (name, value) in reply.pairs { counters[name, default: 0] += Int(value) ?? 0 }
        }
    }

    private static func names(_ server: RedisServer) async throws -> [String] {
        var (names, cursor) = (Set<String>(), "0")
        repeat {
            let reply = try await server.command("SCAN", cursor, "COUNT", "1000").array ?? []
            cursor = reply.first?.string ?? "0"
            names.formUnion(reply.last?.texts ?? [])
        } while cursor != "0"
        return names.sorted()
    }

    private mutating func readUsers(_ server: RedisServer, _ names: [String]) async throws {
        let records = names.filter { $0.contains("}:user:") }
        for (name, reply) in zip(records, try await server.batched(records.map { ["HGETALL", $0] })) {
            guard let user = name.firstRange(of: "}:user:").map({ String(name[$0.upperBound...]) }) else { continue }
            var (version, sessions) = (0, [Call.Seen]())
            for (field, value) in reply.pairs {
                if field == "version" {
                    version = max(version, Int(value) ?? 0)
                    continue
                }
                let facts = Self.facts(value)
                version = max(version, Int(facts["changed"] ?? facts["login"] ?? "") ?? 0)
                sessions.append(
                    .init(session: "\(field):\(facts["generation"] ?? "")", status: facts["status"] ?? ""))
            }
            users.append(User(user: user, version: version, sessions: sessions))
            for session in sessions {
                counted["\(session.status):\(session.session.prefix { $0 != ":" })", default: 0] += 1
            }
            let status = ["Online", "PushOnline"].first { word in sessions.contains { $0.status == word } }
            if let status { counted["users:\(status)", default: 0] += 1 }
        }
    }

    /// Of `status=Online generation=k3J9`
    private static func facts(_ record: String) -> [String: String] {
        let pairs = record.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
    }

    private mutating func readStreams(_ server: RedisServer, _ names: [String]) async throws {
        for name in names where name.hasSuffix("}:events") {
            let cursor = try await server.command("HGET", name.dropLast(6) + "cursor", "id").string ?? "0-0"
            for (position, change) in try await Self.entries(server, name) {
                log.append(change)
                if Self.isAfter(position, cursor) { pending.insert(change.id) }
            }
        }
        for name in names where name.hasSuffix("}:aside") {
            pending.formUnion(try await Self.entries(server, name).map(\.1.id))
        }
        for name in names where name.hasSuffix("}:dead") {
            dead.formUnion(try await Self.entries(server, name).map(\.1.id))
        }
    }

    private static func isAfter(_ position: String, _ cursor: String) -> Bool {
        func parts(_ text: String) -> (Int, Int) {
            let numbers = text.split(separator: "-").map { Int($0) ?? 0 }
            return (numbers.first ?? 0, numbers.last ?? 0)
        }
        return parts(position) > parts(cursor)
    }

    private static func entries(_ server: RedisServer, _ stream: String) async throws -> [(String, Change)] {
        var (entries, start) = ([(String, Change)](), "-")
        while true {
            let page = try await server.command("XRANGE", stream, start, "+", "COUNT", "200").array ?? []
            for entry in page {
                guard let position = entry.array?.first?.string else { continue }
                let fields = Dictionary(entry.array?.last?.pairs ?? []) { first, _ in first }
                entries.append((position, Change(fields, at: fields["position"] ?? position)))
                start = "(\(position)"
            }
            if page.count < 200 { return entries }
        }
    }
}

extension Change {
    fileprivate init(_ fields: [String: String], at position: String) {
        let session = fields["session"] ?? ""
        let version = fields["version"].flatMap { Int($0) } ?? 0
        let generation = session.split(separator: ":").last ?? ""
        let committed = Int(position.prefix { $0 != "-" }) ?? 0
        self.init(
            id: "\(generation)-\(version)", user: fields["user"] ?? "", version: version,
            previous: fields["previous"].flatMap { Int($0) } ?? 0, atMs: min(version, committed),
            action: fields["action"] ?? "", reason: fields["reason"] ?? "", session: session,
            status: fields["status"] ?? "", userStatus: fields["userStatus"] ?? "",
            kicked: (fields["kicked"] ?? "").split(separator: ",").map(String.init), note: fields["note"] ?? "")
    }
}

extension RedisServer {
    /// The replies to any number of commands, some at a time.
    fileprivate nonisolated func batched(_ commands: [[String]]) async throws -> [RedisValue] {
        var replies: [RedisValue] = []
        for start in stride(from: 0, to: commands.count, by: 50) {
            replies += try await self.replies(toAll: Array(commands[start..<min(start + 50, commands.count)]))
        }
        return replies
    }
}

extension RedisValue {
    fileprivate var texts: [String] { array?.compactMap(\.string) ?? [] }

    /// Names and values in turn.
    fileprivate var pairs: [(String, String)] {
        let texts = texts
        return stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
    }
}
