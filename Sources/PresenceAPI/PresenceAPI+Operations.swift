import Hummingbird
import JSON
import NIOCore
import PresenceStore

// What operators, load balancers and web pages ask.

extension PresenceAPI {
    func stats(_ request: Request, _ context: Context) async throws -> Response {
        .json(try await store.counts())
    }

    /// The process answers. Says nothing about Redis: a restart would not heal that.
    func live(_ request: Request, _ context: Context) async throws -> Response {
        .json(HealthResponse(status: "live"))
    }

    func ready(_ request: Request, _ context: Context) async throws -> Response {
        let readiness = readiness()
        let isReady = readiness.reasons.isEmpty
        return .json(
            HealthResponse(status: isReady ? "ready" : "unready", readiness: readiness),
            status: isReady ? .ok : .serviceUnavailable)
    }

    func openAPI(_ request: Request, _ context: Context) async throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: Self.description))
    }

    private static let description = ByteBuffer(bytes: PackageResources.openapi_json)

    /// Pages of any origin may import it, and ask each time whether it changed: it speaks this worker's protocol.
    func clientModule(_ request: Request, _ context: Context) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/javascript", .accessControlAllowOrigin: "*", .cacheControl: "no-cache"],
            body: ResponseBody(byteBuffer: Self.module))
    }

    /// A handshake does not come here: its connection has become a WebSocket by then.
    func connect(_ request: Request, _ context: Context) async throws -> Response {
        let detail = "Send a WebSocket handshake, version 13, as the first request of a connection."
        var response = Problem(.upgradeRequired, detail).response
        response.headers[.upgrade] = "websocket"
        response.headers[.secWebSocketVersion] = "13"
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

extension Response {
    static func json(_ body: some JSONWritable, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: body.json))
    }
}
