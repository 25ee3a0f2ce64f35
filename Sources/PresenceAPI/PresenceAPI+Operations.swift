import Hummingbird
import NIOCore
import PresenceStore

// What operators and load balancers ask.

extension PresenceAPI {
    func stats(_ request: Request, _ context: Context) async throws -> Response {
        .json(try await store.counts())
    }

    /// The process answers. Says nothing about Redis: a restart would not heal that.
    func live(_ request: Request, _ context: Context) async throws -> Response {
        .json(HealthResponse(status: "live"))
    }

    func ready(_ request: Request, _ context: Context) async throws -> Response {
        let reasons = await reasonsUnready()
        if reasons.isEmpty { return .json(HealthResponse(status: "ready")) }
        return .json(HealthResponse(status: "unready", reasons: reasons), status: .serviceUnavailable)
    }

    func openAPI(_ request: Request, _ context: Context) async throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: Self.description))
    }

    private static let description = ByteBuffer(bytes: PackageResources.openapi_json)
}

extension Response {
    static func json(_ body: some JSONWritable, status: HTTPResponse.Status = .ok) -> Response {
        var json = JSONWriter()
        body.write(to: &json)
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: json.buffer))
    }
}
