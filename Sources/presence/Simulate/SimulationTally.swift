import JSON
import PresenceClient

/// What clients went through, in numbers.
struct SimulationTally {
    private enum Client {
        case new, connected, away
    }

    private var clients: [Client]
    private var connected = 0
    private var seen = 0
    private var connectedMax = 0
    private var connects = 0
    private var resumed = 0
    private var disconnects = 0
    private var kicked = 0
    private var left = 0
    /// By close code, `no-welcome` for a connection given up before it had one, `refused-<code>`, or what went wrong
    /// with a logout.
    private var errors: [String: Int] = [:]
    /// What the first client refused with a close code was told.
    private var refusals: [UInt16: String] = [:]
    private var latencies = LatencyHistogram()
    /// When the last client was connected for the first time.
    private var allConnectedAfter: Duration?

    // Since the last line.
    private var recentLatencies = LatencyHistogram()
    private var recentConnects = 0
    private var lastLineAt: Duration = .zero
    private var connectsPerSecondMax = 0.0
    private var heartbeatsPerSecondMax = 0.0

    init(clients: Int) {
        self.clients = Array(repeating: .new, count: clients)
    }

    var hasConnectedAny: Bool { seen > 0 }

    func isConnected(_ client: Int) -> Bool { clients[client] == .connected }

    /// - Parameter time: since the simulation began.
    mutating func record(_ event: PresenceClient.Event, of client: Int, at time: Duration) {
        switch event {
        case .connected(_, let isResumed):
            connects += 1
            recentConnects += 1
            if isResumed { resumed += 1 }
            connect(client, at: time)
        case .heartbeat(let latency):
            latencies.record(latency)
            recentLatencies.record(latency)
        case .disconnected(let code, let reason, _):
            if isConnected(client) { disconnects += 1 }
            errors[reason.hasPrefix("no welcome") ? "no-welcome" : "\(code)", default: 0] += 1
            disconnect(client)
        case .kicked:
            kicked += 1
            disconnect(client)
        case .refused(let code, let message):
            errors["refused-\(code)", default: 0] += 1
            if refusals[code] == nil { refusals[code] = message }
            disconnect(client)
        case .loggedOut, .closed:
            left += 1
            disconnect(client)
        }
    }

    mutating func record(logoutError error: PresenceClientError) {
        errors["logout-\(error.code)", default: 0] += 1
    }

    private mutating func connect(_ client: Int, at time: Duration) {
        if clients[client] == .new {
            seen += 1
            if seen == clients.count { allConnectedAfter = time }
        }
        clients[client] = .connected
        connected += 1
        connectedMax = max(connectedMax, connected)
    }

    private mutating func disconnect(_ client: Int) {
        guard isConnected(client) else { return }
        clients[client] = .away
        connected -= 1
    }

    /// How it goes, since the last line.
    mutating func line(at time: Duration) -> String {
        let seconds = max((time - lastLineAt) / .seconds(1), 0.001)
        let connectRate = Double(recentConnects) / seconds
        let heartbeatRate = Double(recentLatencies.count) / seconds
        connectsPerSecondMax = max(connectsPerSecondMax, connectRate)
        heartbeatsPerSecondMax = max(heartbeatsPerSecondMax, heartbeatRate)
        let latency = LatencySummary(recentLatencies)
        (recentLatencies, recentConnects, lastLineAt) = (LatencyHistogram(), 0, time)
        var line = "\(Int((time / .seconds(1)).rounded())) s: \(connected) of \(clients.count) connected"
        line += ", \(Int(connectRate)) accepts/s, \(Int(heartbeatRate)) heartbeats/s"
        line += " (p50 \(latency.p50Ms) p99 \(latency.p99Ms) max \(latency.maxMs) ms)"
        line += ", resumed \(resumed), disconnects \(disconnects), kicked \(kicked), left \(left)"
        guard !errors.isEmpty else { return line }
        let kinds = errors.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let reasons = refusals.sorted { $0.key < $1.key }.map { "; \($0.key): \($0.value)" }
        return line + ", errors \(kinds.joined(separator: " "))" + reasons.joined()
    }

    func summary(at time: Duration) -> SimulationSummary {
        SimulationSummary(
            clients: clients.count, seconds: time / .seconds(1), connectedMax: connectedMax, connects: connects,
            connectsPerSecondMax: connectsPerSecondMax.rounded(),
            allConnectedAfterSeconds: allConnectedAfter.map { $0 / .seconds(1) }, resumed: resumed,
            disconnects: disconnects, kicked: kicked, heartbeats: latencies.count,
            heartbeatsPerSecondMax: heartbeatsPerSecondMax.rounded(), heartbeatLatency: LatencySummary(latencies),
            errors: errors)
    }
}

/// The line of JSON at the end.
struct SimulationSummary: Equatable {
    let clients: Int
    let seconds: Double
    let connectedMax: Int
    let connects: Int
    /// The best second.
    let connectsPerSecondMax: Double
    let allConnectedAfterSeconds: Double?
    let resumed: Int
    let disconnects: Int
    let kicked: Int
    /// Acknowledged ones.
    let heartbeats: Int
    let heartbeatsPerSecondMax: Double
    let heartbeatLatency: LatencySummary
    let errors: [String: Int]
}

struct LatencySummary: Equatable {
    let p50Ms: Double
    let p99Ms: Double
    let maxMs: Double

    init(_ histogram: LatencyHistogram) {
        p50Ms = histogram.percentile(0.5) / .milliseconds(1)
        p99Ms = histogram.percentile(0.99) / .milliseconds(1)
        maxMs = histogram.max / .milliseconds(1)
    }
}

extension SimulationSummary: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("clients", clients)
            $0.member("seconds", seconds)
            $0.member("connectedMax", connectedMax)
            $0.member("connects", connects)
            $0.member("connectsPerSecondMax", connectsPerSecondMax)
            $0.member("allConnectedAfterSeconds", ifPresent: allConnectedAfterSeconds)
            $0.member("resumed", resumed)
            $0.member("disconnects", disconnects)
            $0.member("kicked", kicked)
            $0.member("heartbeats", heartbeats)
            $0.member("heartbeatsPerSecondMax", heartbeatsPerSecondMax)
            $0.member("heartbeatLatency", heartbeatLatency)
            $0.member("errors", errors)
        }
    }
}

extension LatencySummary: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("p50Ms", p50Ms)
            $0.member("p99Ms", p99Ms)
            $0.member("maxMs", maxMs)
        }
    }
}
