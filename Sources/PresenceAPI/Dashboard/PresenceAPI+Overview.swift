import HTTPServer
import JSON
import NIOHTTP1
import PresenceCore

// What the dashboard watches.

extension PresenceAPI {
    private enum OverviewParameter: String {
        case platform, reason
    }

    /// The whole service at one glance: once, or a look a second as a stream.
    func overview(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let filter = try changeFilter(request)
        guard request.wantsEventStream else {
            return .json(await overviewWatch.look(), headers: [("Cache-Control", "no-store")])
        }
        let frames = await overviewWatch.frames(filter)
        guard let frames else {
            throw Problem(.overloaded, "\(OverviewWatch.viewersMax) look at the overview through this worker already.")
        }
        var response = HTTPServerResponse(
            .ok,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ], stream: frames)
        response.isEndless = true
        return response
    }

    private func changeFilter(_ request: HTTPServerRequest) throws -> ChangeFilter {
        let parameters = try QueryParameters<OverviewParameter>(request.query)
        var filter = ChangeFilter()
        // Records may name platforms that are in no table.
        filter.platform = try parameters.given(.platform).map { try Platform($0).name }
        if let name = parameters.given(.reason) {
            guard let reason = Reason(rawValue: name) else {
                let names = Reason.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidInput(field: "reason", message: "must be one of \(names)")
            }
            filter.reason = reason
        }
        return filter
    }
}
