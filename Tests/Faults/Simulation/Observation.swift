import PresenceCore
import PresenceStore
import RedisClient

/// All that stands in Redis at one moment, read in one step; of events only how far they go.
struct Observation {
    struct Value {
        var kind: String
        /// The last millisecond of the key; nil for one without an end.
        var endsMs: Int?
        /// The fields of a hash and the members of a set with their scores, in pairs; a string as it is; of a stream the
        /// positions and ids of its entries, in pairs, of an event log the last.
        var texts: [String]

        var pairs: [String: String] {
            stride(from: 0, to: texts.count - 1, by: 2).reduce(into: [:]) { $0[texts[$1]] = texts[$1 + 1] }
        }
    }

    var values: [String: Value] = [:]

    static func of(_ server: DrivenServer) async throws -> Observation {
        let reply = try await server.command("EVAL", script, "0")
        var observation = Observation()
        for item in reply.array ?? [] {
            guard let parts = item.array, parts.count == 4, let key = parts[0].string, let kind = parts[1].string
            else { continue }
            let texts = parts[3].array?.map { $0.string ?? $0.int.map { "\($0)" } ?? "" } ?? [parts[3].string ?? ""]
            let endsMs = parts[2].int.flatMap { $0 < 0 ? nil : Int($0) }
            observation.values[key] = Value(kind: kind, endsMs: endsMs, texts: texts)
        }
        return observation
    }

    private static let script = """
        local all = {}
        local function ids(stream)
          local found, isLog = {}, string.find(stream, ':events', 1, true)
          local entries = isLog and redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
          for _, entry in ipairs(entries or redis.call('XRANGE', stream, '-', '+')) do
            local fields, version, session = entry[2], '', ''
            for i = 1, #fields, 2 do
              if fields[i] == 'version' then version = fields[i + 1] end
              if fields[i] == 'session' then session = string.match(fields[i + 1], '(%w+)$') end
            end
            found[#found + 1] = entry[1]
            found[#found + 1] = session .. '-' .. version
          end
          return found
        end
        for _, key in ipairs(redis.call('KEYS', '*')) do
          local kind, value = redis.call('TYPE', key).ok, ''
          if kind == 'hash' then value = redis.call('HGETALL', key)
          elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
          elseif kind == 'string' then value = redis.call('GET', key)
          elseif kind == 'stream' then value = ids(key) end
          all[#all + 1] = { key, kind, redis.call('PEXPIRETIME', key), value }
        end
        return all
        """

    subscript(key: String) -> Value? { values[key] }

    func number(_ key: String, _ field: String) -> Int? { values[key]?.pairs[field].flatMap { Int($0) } }

    /// Positions and ids of the entries of a stream, in their order.
    func entries(_ key: String) -> [(position: String, id: String)] {
        let texts = values[key]?.texts ?? []
        return stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
    }
}
