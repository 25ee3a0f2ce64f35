import HTTPServer
import NIOCore
import NIOHTTP1

// What clients themselves ask.

extension PresenceAPI {
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
        throw Problem(.upgradeRequired, "Send a WebSocket handshake, version 13.")
    }

    private static let module = ByteBuffer(bytes: PackageResources.client_js)
}
