import HTTPServer
import JSON
import NIOCore
import NIOHTTP1
import PresenceStore

// What operators and load balancers ask.

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

    /// Made off the event loop, which has others to serve meanwhile.
    func metrics(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let text = await Task.detached { [exposition] in await exposition() }.value
        return HTTPServerResponse(
            .ok, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")], body: ByteBuffer(string: text)
        )
    }

    func openAPI(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        HTTPServerResponse(.ok, headers: [("Content-Type", "application/json")], body: Self.description)
    }

    private static let description = ByteBuffer(bytes: PackageResources.openapi_json)
}
