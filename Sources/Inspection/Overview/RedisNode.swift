import JSON
import PresenceStore
import RedisClient

/// What a Redis master says of itself, as far as an operator wants it at a glance.
package struct RedisNode: Sendable, Equatable {
    package struct Replica: Sendable, Equatable {
        package let address: String
        /// `online` where it receives.
        package let state: String
        /// Since it was heard of last.
        package let lagSeconds: Int

        package init(address: String, state: String, lagSeconds: Int) {
            self.address = address
            self.state = state
            self.lagSeconds = lagSeconds
        }
    }

    package let address: String
    /// nil for one that cannot be asked.
    package var facts: Facts?
    /// Why it cannot be asked.
    package var complaint: String?

    package struct Facts: Sendable, Equatable {
        package let role: String
        package let software: String
        package let memoryBytes: Int
        /// 0 where there is no limit.
        package let memoryMaxBytes: Int
        package let clients: Int
        package let commandsPerSecond: Int
        package let replicas: [Replica]

        /// - Parameter info: the answer to INFO.
        package init(_ info: String) {
            let look = ServerLook(address: "", info: ServerLook.fields(info))
            role = look.info["role"] ?? "unknown"
            software = look.software
            memoryBytes = look.number("used_memory") ?? 0
            memoryMaxBytes = look.number("maxmemory") ?? 0
            clients = look.number("connected_clients") ?? 0
            commandsPerSecond = look.number("instantaneous_ops_per_sec") ?? 0
            replicas = look.replicas.map {
                Replica(address: $0.address.description, state: $0.state, lagSeconds: $0.lagSeconds)
            }
        }
    }

    /// Asks all masters, over the connections there are. Sorted by address.
    package static func all(of store: PresenceStore) async -> [RedisNode] {
        let answers = await store.redis.sendToEveryMaster(RedisCommand(keyless: "INFO"))
        let nodes = answers.map { address, answer in
            switch answer {
            case .success(let reply): RedisNode(address: "\(address)", facts: Facts(reply.string ?? ""))
            case .failure(let error): RedisNode(address: "\(address)", complaint: error.message)
            }
        }
        return nodes.sorted { $0.address < $1.address }
    }
}

extension RedisNode: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("address", address)
            json.member("complaint", ifPresent: complaint)
            guard let facts else { return }
            json.member("role", facts.role)
            json.member("software", facts.software)
            json.member("memoryBytes", facts.memoryBytes)
            json.member("memoryMaxBytes", facts.memoryMaxBytes)
            json.member("clients", facts.clients)
            json.member("commandsPerSecond", facts.commandsPerSecond)
            json.member("replicas", facts.replicas)
        }
    }
}

extension RedisNode.Replica: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("address", address)
            json.member("state", state)
            json.member("lagSeconds", lagSeconds)
        }
    }
}
