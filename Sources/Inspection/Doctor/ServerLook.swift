import PresenceCore
import PresenceStore
import RedisClient

/// What one Redis server says of itself, read once.
struct ServerLook: Sendable {
    var address: String
    /// The fields of INFO.
    var info: [String: String]
    /// Of this machine's clock to the server's.
    var clock: ClockOffset?
    /// notify-keyspace-events; nil where it may not be read.
    var notifications: String?
    /// ACL rules the Redis user lacks.
    var missing: [String] = []
    /// Why those are not known.
    var missingUnknown: String?

    var isMaster: Bool { info["role"] == "master" }

    var software: String {
        info["server_name"] == "valkey"
            ? "Valkey \(info["valkey_version"] ?? "")" : "Redis \(info["redis_version"] ?? "of an unknown version")"
    }

    /// Its replicas as it knows them.
    var replicas: [(address: RedisAddress, state: String, lagSeconds: Int)] {
        (0..<(number("connected_slaves") ?? 0)).compactMap { index in
            guard let line = info["slave\(index)"] else { return nil }
            let pairs = line.split(separator: ",").compactMap { part -> (String, String)? in
                let words = part.split(separator: "=", maxSplits: 1)
                return words.count == 2 ? (String(words[0]), String(words[1])) : nil
            }
            let values = Dictionary(pairs) { first, _ in first }
            guard let host = values["ip"], let port = values["port"].flatMap({ Int($0) }) else { return nil }
            return (.tcp(host: host, port: port), values["state"] ?? "", values["lag"].flatMap { Int($0) } ?? 0)
        }
    }

    func number(_ name: String) -> Int? { info[name].flatMap { Int($0) } }

    static func fields(_ info: String) -> [String: String] {
        let pairs = info.split(whereSeparator: \.isNewline).compactMap { line -> (String, String)? in
            let words = line.split(separator: ":", maxSplits: 1)
            return words.count == 2 ? (String(words[0]), String(words[1])) : nil
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

extension ServerLook {
    /// Asks a server, over a connection of its own.
    static func ask(_ address: RedisAddress, of store: PresenceStore) async throws(RedisError) -> ServerLook {
        let answers = try await store.redis.ask(
            address,
            [RedisCommand(keyless: "INFO"), RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events")])
        var look = ServerLook(
            address: address.description, info: fields(try answers[0].get().string ?? ""), clock: nil,
            notifications: (try? answers[1].get())?.array?.last?.string)
        look.clock = await clock(of: address, store.redis)
        do throws(StoreError) {
            look.missing = try await store.missingPermissions(at: address)
        } catch {
            // Who is forbidden to ask lacks what asks.
            if error.isForbidden {
                look.missing = ["+evalsha", "+script|load"]
            } else {
                look.missingUnknown = error.message
            }
        }
        return look
    }

    /// The surest of a few answers.
    private static func clock(of address: RedisAddress, _ redis: RedisClient) async -> ClockOffset? {
        var best: ClockOffset?
        for _ in 0..<3 {
            let question = RedisTimeQuestion()
            guard let answer = try? await redis.ask(address, [RedisCommand(keyless: "TIME")])[0].get(),
                let time = answer.array?.compactMap(\.int), time.count == 2
            else { continue }
            let offset = question.answered(redisMs: Int(time[0]) * 1_000 + Int(time[1]) / 1_000)
            if offset.errorMs < best?.errorMs ?? .max { best = offset }
        }
        return best
    }
}
