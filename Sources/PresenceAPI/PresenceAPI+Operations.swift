import HTTPServer
import JSON
import NIOCore
import NIOHTTP1
import PresenceStore

// What operators, load balancers and web pages ask.

extension PresenceAPI {
    func stats(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        .json(try await store.counts())
    }

    /// The process answers. Says nothing about Redis: a restart would not heal that.
    func live(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        .json(HealthResponse(status: "live"))
    }

    func ready(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let readiness = readiness()
        let isReady = readiness.reasons.isEmpty
        return .json(
            HealthResponse(status: isReady ? "ready" : "unready", readiness: readiness),
            status: isReady ? .ok : .serviceUnavailable)
    }

    func openAPI(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        HTTPServerResponse(.ok, headers: [("Content-Type", "application/json")], body: Self.description)
    }

    private static let description = ByteBuffer(bytes: PackageResources.openapi_json)

    /// Pages of any origin may import it, and ask each time whether it changed: it speaks this worker's protocol.
    func clientModule(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        HTTPServerResponse(
            .ok,
            headers: [
                ("Content-Type", "text/javascript"), ("Access-Control-Allow-Origin", "*"),
                ("Cache-Control", "no-cache"),
            ], body: Self.module)
    }

    /// A handshake does not come here: its connection has become a WebSocket by then.
    func connect(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        var response = Problem(.upgradeRequired, "Send a WebSocket handshake, version 13.").response
        response.headers += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return response
    }

    private static let module = ByteBuffer(bytes: PackageResources.client_js)
}

/// Whether a worker can serve. What is late or odd but no reason to send clients elsewhere, where it would be no better,
/// is a note.
package struct Readiness: Sendable {
    /// Why this worker should get no traffic, as sentences; empty when ready.
    package var reasons: [String]
    package var notes: [String]
    /// How overdue the most overdue session is whose end this worker has to settle, in milliseconds.
    package var settlementLagMs: Int

    package init(reasons: [String], notes: [String] = [], settlementLagMs: Int = 0) {
        self.reasons = reasons
        self.notes = notes
        self.settlementLagMs = settlementLagMs
    }
}

extension HTTPServerResponse {
    static func json(_ body: some JSONWritable, status: HTTPResponseStatus = .ok) -> HTTPServerResponse {
        HTTPServerResponse(status, headers: [("Content-Type", "application/json")], body: body.json)
    }
}
