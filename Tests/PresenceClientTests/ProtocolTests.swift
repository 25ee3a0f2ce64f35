import PresenceClient
import Support
import Testing

@Suite("A client and what a service may say or leave unsaid")
struct ProtocolTests {
    @Test("What a client does not know, and that a heartbeat is not recorded, is a sign of life and no more")
    func signsOfLife() async throws {
        try await ScriptedGateway.with { socket, heard in
            switch heard {
            // Lost after 2.9 s without a sign.
            case .opened: socket.welcome(intervalSeconds: 1, timeoutSeconds: 4)
            case .message("heartbeat"):
                socket.send(#"{"type":"\#(socket.heard.count.isMultiple(of: 2) ? "unrecorded" : "weather")","x":[1]}"#)
            // Pings are not answered: what was said has to do.
            default: break
            }
        } body: { gateway in
            try await WatchedClient.with(gateway.url) { ann in
                try await ann.waitConnected()
                let socket = try #require(gateway.sockets.first)
                try await eventually(else: "\(socket.heard)") {
                    socket.count(.message("heartbeat")) >= 30
                }
                #expect(gateway.sockets.count == 1 && ann.events.count == 1)
            }
        }
    }

    @Test("What is no message at all is a sign of life, too, and no more")
    func nonsense() async throws {
        try await ScriptedGateway.with { socket, heard in
            switch heard {
            case .opened: socket.welcome(intervalSeconds: 1, timeoutSeconds: 4)
            case .message("heartbeat"): socket.send(["", "null", "[1]", "{"][socket.heard.count % 4])
            default: break
            }
        } body: { gateway in
            try await WatchedClient.with(gateway.url) { ann in
                let socket = try await gateway.firstSocket()
                try await eventually(else: "\(socket.heard)") {
                    socket.count(.message("heartbeat")) >= 30
                }
                #expect(gateway.sockets.count == 1 && ann.events.count == 1)
            }
        }
    }

    @Test("A restarting worker says when to come back, as often as it likes; overload adds a pause that grows")
    func askedPauses() async throws {
        try await ScriptedGateway.with { socket, heard in
            guard heard == .opened else { return }
            socket.close(socket.number <= 3 ? 1012 : 1013, "retry-after-ms=7")
        } body: { gateway in
            try await WatchedClient.with(gateway.url) { ann in
                try await ann.wait(for: "loss", count: 5) { if case .disconnected = $0 { true } else { false } }
                let pauses = ann.events.compactMap {
                    if case .disconnected(_, _, let pause) = $0 { pause } else { nil }
                }
                #expect(pauses.prefix(3) == [.milliseconds(7), .milliseconds(7), .milliseconds(7)])
                #expect((.milliseconds(57) ... .milliseconds(107)).contains(pauses[3]))
                #expect((.milliseconds(107) ... .milliseconds(207)).contains(pauses[4]))
            }
        }
    }

    @Test("A client answers pings")
    func pings() async throws {
        try await ScriptedGateway.with { socket, heard in
            if heard == .opened { socket.ping("are you there") }
        } body: { gateway in
            try await WatchedClient.with(gateway.url) { _ in
                try await eventually(else: "no pong: \(gateway.sockets.map(\.heard))") {
                    gateway.sockets.first?.count(.pong("are you there")) == 1
                }
            }
        }
    }

    @Test(
        "A connection given up before its welcome is closed, unless the session may go on in it: then another has it first"
    )
    func givenUp() async throws {
        try await ScriptedGateway.with { socket, heard in
            if heard == .opened, socket.number == 2 { socket.welcome(intervalSeconds: 1, timeoutSeconds: 4) }
        } body: { gateway in
            try await WatchedClient.with(gateway.url) { ann in
                try await eventually(timeout: .seconds(60), else: "\(gateway.sockets.map(\.heard))") {
                    gateway.sockets.count == 4
                }
                #expect(gateway.sockets.map(\.isClosed) == [true, false, false, false])
                // A welcome that comes too late is nobody's.
                gateway.sockets[2].welcome(resumed: true)
                gateway.sockets[3].welcome(resumed: true)
                try await eventually(else: "\(gateway.sockets.map(\.heard))") {
                    gateway.sockets.prefix(3).allSatisfy(\.isClosed)
                }
                try await ann.waitConnected(count: 2)
                #expect(ann.resumed == [false, true])
            }
        }
    }

    @Test("A client in a hurry finds out that its connection is dead, and goes on in another: no event")
    func hurried() async throws {
        let timing = ["heartbeat.browser-interval-ms": "20000", "heartbeat.browser-timeout-ms": "60000"]
        try await Deployment.with(workers: 1, timing) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                try await WatchedClient.with("ws://127.0.0.1:\(proxy.port)", heartbeatInterval: nil) { ann in
                    try await ann.waitConnected()
                    proxy.freeze()
                    ann.client.hurry()
                    try await ann.waitConnected(count: 2)
                    #expect(ann.resumed == [false, true])
                    proxy.closeFrozen()
                    #expect(try await deployment.backend.status("ann") == "Online")
                    #expect(deployment.receiver.changes(of: "ann") == ["Login/Register"])
                }
            }
        }
    }
}

extension ScriptedGateway {
    fileprivate func firstSocket() async throws -> Socket {
        try await eventually(else: "no socket") { !sockets.isEmpty }
        return try #require(sockets.first)
    }
}
