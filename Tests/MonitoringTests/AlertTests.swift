import Foundation
import Support
import Testing

@Suite("Alerts and dashboard in a real Prometheus")
struct AlertTests {
    @Test("A receiver that fails and a Redis that hangs make their alerts fire, and workers are scraped all the while")
    func faults() async throws {
        let rules = try Self.file("alerts.yml").replacing(/for: \d+m/, with: "for: 1s")
        try await Deployment.with(workers: 2, FigureTests.settings) { deployment in
            // A worker waits 2 s for a Redis that hangs before it tells its figures without it.
            try await PrometheusServer.withServer(scraping: deployment.workers, every: 3_000, rules: rules) {
                prometheus in
                try await prometheus.expect("count(presence_ready == 1)", 2)
                try await prometheus.expectPages([])
                deployment.receiver.answer { _ in 500 }
                for number in 0..<8 { _ = try await deployment.backend.session("user-\(number)", "Mac") }
                try await prometheus.expectPages(["PresenceReceiverAtFault"])
                try await eventually(else: "its own alert does not fire") {
                    try await prometheus.firing().contains("PresenceCallbacksFailing")
                }
                deployment.receiver.answer { _ in 200 }
                try await prometheus.expectPages([])

                await deployment.redis.pause()
                try await eventually(else: "nobody is told of it") {
                    try await prometheus.firing().isSuperset(of: ["PresenceDown", "PresenceWorkerUnready"])
                }
                #expect(try await prometheus.value("min(up)") == 1, "a worker without Redis tells its figures")
                await deployment.redis.resume()
                try await eventually(else: "the alert stays") {
                    let pages = try await prometheus.firing(severity: "page")
                    return pages.isDisjoint(with: ["PresenceDown", "PresenceRedisDown"])
                }
            }
        }
    }

    @Test("Every query of the dashboard gives figures, scraped with a key that may only read")
    func dashboard() async throws {
        let dashboard = try JSON(parsing: Self.file("dashboard.json"))
        let queries = dashboard["panels"].list.flatMap { $0["targets"].list }.compactMap { $0["expr"].string }
        #expect(queries.count > 50)
        let keys = ["auth.api-keys": "all", "auth.read-keys": "reader"]
        try await Deployment.with(workers: 2, FigureTests.settings.merging(keys) { $1 }) { deployment in
            try await PrometheusServer.withServer(scraping: deployment.workers, key: "reader") { prometheus in
                _ = try await deployment.backend.session("ann", "Mac")
                _ = try await deployment.backend.call(.get, "/nowhere")
                var empty = queries
                try? await eventually(timeout: .seconds(30), else: "") {
                    for query in empty {
                        let asked = query.replacing("$__rate_interval", with: "10s")
                            .replacing("$job", with: "presence").replacing("$instance", with: ".*")
                        if try await !prometheus.query(asked).isEmpty { empty.removeAll { $0 == query } }
                    }
                    return empty.isEmpty
                }
                #expect(empty.isEmpty)
            }
        }
    }

    @Test("promtool finds nothing to say about the figures of a worker")
    func format() async throws {
        try await Deployment.with(workers: 1) { deployment in
            _ = try await deployment.backend.session("ann", "Mac")
            let folder = try temporaryFolder("promtool")
            defer { removeFolder(folder) }
            try await deployment.backend.call(.get, "/metrics").text
                .write(toFile: "\(folder)/metrics", atomically: true, encoding: .utf8)
            let promtool = try ChildProcess(
                ["sh", "-c", "exec promtool check metrics < \(folder)/metrics"], folder: folder, log: "log")
            try await eventually(else: "promtool does not end") { !promtool.isRunning }
            #expect(promtool.exitStatus == 0 && promtool.log.isEmpty, "\(promtool.log)")
        }
    }

    @Test("Every command the alerts send somebody to exists")
    func commands() async throws {
        let commands = Set(try Self.file("alerts.yml").matches(of: /`presence ([a-z ]+[a-z])/).map { String($0.1) })
        #expect(commands.count > 5)
        for command in commands {
            let words = command.split(separator: " ").map(String.init)
            let end = try await PresenceProcess.end(of: words + ["--help"])
            // Of one that does not exist the help is that of the command above it.
            let isThere = end.output.contains("USAGE") && !end.output.contains("<subcommand>")
            #expect(end.status == 0 && isThere, "\(command): \(end)")
        }
    }

    private static func file(_ name: String) throws -> String {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Scripts/monitoring")
        return try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }
}

extension PrometheusServer {
    /// Waits until these page and no other. (Tickets may be there on a busy machine: its Redis is slow.)
    func expectPages(_ names: Set<String>) async throws {
        var last: Set<String> = []
        try await eventually(else: "\(last.sorted()) page, not \(names)") {
            last = try await firing(severity: "page")
            return last == names
        }
    }
}
