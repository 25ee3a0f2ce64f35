import Support
import Testing

@Suite("The figures of clients' sockets")
struct FiguresTests {
    @Test("Sockets are counted by platform while they are open, and by their codes when they close")
    func sockets() async throws {
        try await Deployment.with(workers: 1) { deployment in
            func expect(_ series: String, is value: Double) async throws {
                var found: Double?
                try await eventually(else: "\(series) is \(found.map { "\($0)" } ?? "none"), not \(value)") {
                    found = try await Figures.of(deployment.workers)[series]
                    return found == value
                }
            }
            let user = newUser()
            try await deployment.withClient(user) { socket, _ in
                try await socket.expectHeartbeat()
                try await deployment.withClient(newUser(), "Web") { _, _ in
                    try await expect(#"presence_sockets{platform="Windows"}"#, is: 1)
                    try await expect(#"presence_sockets{platform="Web"}"#, is: 1)
                }
                try await expect(#"presence_sockets{platform="Web"}"#, is: 0)
                try await deployment.kick(user, at: 0)
                try await socket.expectKicked(by: nil)
            }
            try await expect(#"presence_sockets{platform="Windows"}"#, is: 0)
            try await expect("presence_socket_queued_bytes", is: 0)
            try await expect(#"presence_sockets_closed_total{code="4000"}"#, is: 1)
            try await expect(#"presence_sockets_closed_total{code="1006"}"#, is: 1)
            try await expect(#"presence_heartbeats_total{outcome="renewed",via="socket"}"#, is: 1)
            try await deployment.withSocket(newUser(), "Amiga") {
                try await $0.expectRefusal("invalid-field", closes: 4002)
            }
            try await expect(#"presence_sockets_refused_total{reason="invalid_request"}"#, is: 1)
            try await expect(#"presence_sockets_closed_total{code="4002"}"#, is: 1)
        }
    }
}
