import Foundation

/// A private, real Prometheus on a free port of loopback. It ends with `withServer`, and with the test process should
/// that die first.
package struct PrometheusServer: Sendable {
    package struct Sample: Sendable, Equatable {
        package let labels: [String: String]
        package let value: Double
    }

    private let api: Backend

    /// Runs the body beside a server that scrapes these workers, as the job `presence`.
    /// - Parameters:
    ///   - pauseMs: between two scrapes, and how long one may take.
    ///   - key: what it shows to them.
    ///   - rules: the text of a file of rules, looked at every half second.
    package static func withServer<Result: Sendable>(
        scraping workers: [PresenceProcess], every pauseMs: Int = 500, key: String? = nil,
        rules: String = "groups: []",
        body: (PrometheusServer) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("prometheus")
        defer { removeFolder(folder) }
        try write(configuration(workers, pauseMs, key: key), "\(folder)/prometheus.yml")
        try write(rules, "\(folder)/rules.yml")
        try write(key ?? "", "\(folder)/key")
        let port = try await FreePort.next()
        let server = try ChildProcess(
            [
                "prometheus", "--config.file", "\(folder)/prometheus.yml", "--storage.tsdb.path", "\(folder)/data",
                "--web.listen-address", "127.0.0.1:\(port)", "--log.level", "warn",
            ], folder: folder, log: "log")
        let prometheus = PrometheusServer(api: Backend(["http://127.0.0.1:\(port)"]))
        do {
            try await eventually(else: "Prometheus is not ready: \(server.log)") {
                guard server.isRunning else { throw TimedOut(description: "Prometheus ended: \(server.log)") }
                return (try? await prometheus.api.call(.get, "/-/ready"))?.status == 200
            }
            let result = try await body(prometheus)
            try await server.end(with: SIGKILL)
            return result
        } catch {
            try? await server.end(with: SIGKILL)
            throw error
        }
    }

    private static func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static func configuration(_ workers: [PresenceProcess], _ pauseMs: Int, key: String?) -> String {
        """
        global: {scrape_interval: \(pauseMs)ms, scrape_timeout: \(pauseMs)ms, evaluation_interval: 500ms}
        rule_files: [rules.yml]
        scrape_configs:
          - job_name: presence
            \(key == nil ? "" : "authorization: {credentials_file: key}")
            static_configs: [{targets: [\(workers.map { "'\($0.host):\($0.port)'" }.joined(separator: ", "))]}]
        """
    }

    /// What a query gives now.
    /// - Throws: `TimedOut` with what Prometheus says of a query it cannot read or answer.
    package func query(_ query: String) async throws -> [Sample] {
        let text = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer = try await api.call(.get, "/api/v1/query?query=\(text)")
        guard answer.status == 200 else { throw TimedOut(description: "\(query): \(answer.text)") }
        return answer.body["data"]["result"].list.map { sample in
            Sample(
                labels: sample["metric"].members.compactMapValues(\.string),
                value: Double(sample["value"][1].string ?? "") ?? .nan)
        }
    }

    /// What a query of one figure gives now; nil where it gives none, or several.
    package func value(_ query: String) async throws -> Double? {
        let samples = try await self.query(query)
        return samples.count == 1 ? samples[0].value : nil
    }

    /// The names of the alerts that fire, of any severity or of this.
    package func firing(severity: String = ".*") async throws -> Set<String> {
        let alerts = try await query(#"ALERTS{alertstate="firing", severity=~"\#(severity)"}"#)
        return Set(alerts.compactMap { $0.labels["alertname"] })
    }
}
