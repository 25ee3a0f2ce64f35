import Support
import Testing

@Suite("Floods", .besideAWorker, .serialized)
struct FloodTests {
    private typealias Frame = RawWebSocket.Frame

    enum Flood: CaseIterable, Sendable {
        case pings
        case pongs
        case heartbeats
        case unknownMessages
        case emptyFragments

        var bytes: [UInt8] {
            let frame: RawWebSocket.Frame =
                switch self {
                case .pings: .ping("ping")
                case .pongs: Frame(Frame.pong)
                case .heartbeats: .text(#"{"type":"heartbeat"}"#)
                case .unknownMessages: .text(#"{"type":"x"}"#)
                case .emptyFragments: Frame(Frame.continuation, isFinal: false)
                }
            let start = self == .emptyFragments ? Frame(Frame.text, isFinal: false).bytes : []
            return start + (0..<1000).flatMap { _ in frame.bytes }
        }
    }

    @Test("A thousand frames at once close with 4103, once, and nobody else suffers", arguments: Flood.allCases)
    func flood(_ flood: Flood) async throws {
        let neighbour = AttackedWorker.newUser()
        try await AttackedWorker.withClient(neighbour) { other in
            try await AttackedWorker.withClient { client in
                client.send(flood.bytes)
                var heard: [Frame] = []
                while let frame = try await client.next() { heard.append(frame) }
                #expect(heard.compactMap(\.closeCode) == [4103] && heard.last?.closeCode == 4103)
                #expect(
                    heard.dropLast().last.map { String(decoding: $0.payload, as: UTF8.self) }?
                        .contains("rate-limited") == true)
            }
            try await other.expectOpen()
            #expect(try await AttackedWorker.deployment.backend.status(neighbour) == "Online")
        }
    }

    @Test("Fifty frames at once are within the rate")
    func burst() async throws {
        try await AttackedWorker.withClient { client in
            for number in 0..<50 { client.send(.ping("\(number)")) }
            for number in 0..<50 {
                let pong = try await client.answer()
                #expect(pong?.payload == Array("\(number)".utf8))
            }
        }
    }

    @Test("Clients that flood and never read, nor answer the close, are cut and leave nothing")
    func neverReading() async throws {
        let worker = try AttackedWorker.worker
        try await AttackedWorker.expectServing()
        let flood = Flood.unknownMessages.bytes
        let (connections, memory) = (try worker.connections, try worker.memoryBytes)
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 {
                group.addTask {
                    try await AttackedWorker.withClient { client in
                        try await client.stopReading()
                        for _ in 0..<100 { client.send(flood) }
                        try await eventually(else: "a client that floods is still served") {
                            try worker.connections <= connections
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let growth = try worker.memoryBytes - memory
        #expect(growth < 64 << 20)
    }

    @Test("Clients that vanish anywhere between connecting and the first frames leave no socket and no session")
    func vanishing() async throws {
        let deployment = try AttackedWorker.deployment
        let users = (0..<200).map { "vanishing-\($0)" }
        _ = try await deployment.backend.statuses(users)
        let connections = try AttackedWorker.worker.connections
        var random = SeededGenerator(seed: 20_261_121)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, user) in users.enumerated() {
                let request = RawWebSocket.upgradeRequest(AttackedWorker.target(user))
                let bytes = request + Frame.ping().bytes + message(bytes: 40).bytes
                let sent = Array(bytes.prefix(.random(in: 0...bytes.count, using: &random)))
                let resets = Bool.random(using: &random)
                if number >= 32 { try await group.next() }
                group.addTask {
                    guard !Self.isWelcomed(number) else {
                        return try await AttackedWorker.withClient(user) { try await $0.end(reset: resets) }
                    }
                    try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
                        socket.send(sent)
                        try await socket.end(reset: resets)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await eventually(else: "sockets are left") { try AttackedWorker.worker.connections <= connections }
        try await eventually(else: "sessions are left") {
            try await deployment.backend.statuses(users).body["results"].list.allSatisfy {
                $0["status"].string == "Offline"
            }
        }
        try await eventually(else: "not everybody who came has gone") {
            users.enumerated().allSatisfy { number, user in
                let changes = deployment.receiver.changes(of: user)
                return changes == ["Login/Register", "Disconnect/LinkClose"]
                    || changes.isEmpty && !Self.isWelcomed(number)
            }
        }
    }

    /// Of those that vanish, who waits for the welcome.
    private static func isWelcomed(_ number: Int) -> Bool { number.isMultiple(of: 4) }

    @Test("A frame that never ends is silence: it closes with 4101")
    func endlessFrame() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let port = deployment.workers[0].port
            try await RawWebSocket.with(port: port, "/v1/connect?user=ann&platform=Web") { client in
                client.send(Array(message(bytes: 9216).bytes.dropLast()))
                try await client.expectClose(4101)
            }
            try await eventually(else: "still Online") { try await deployment.backend.status("ann") == "Offline" }
        }
    }
}
