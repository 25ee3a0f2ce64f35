import HTTPServer
import JSON
import NIOHTTP1
import PresenceCore
import PresenceStore

// What the dashboard watches.

extension PresenceAPI {
    enum OverviewParameter: String, CaseIterable { case platform, reason }

    /// The whole service at one glance: once, or a look a second as a stream.
    func overview(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let filter = try changeFilter(request)
        guard request.wantsEventStream else {
            return .json(await overviewWatch.look(), headers: [("Cache-Control", "no-store")])
        }
        if request.method == .HEAD { return .headOfEvents }
        guard let frames = await overviewWatch.frames(filter) else {
            throw Problem(.overloaded, "\(OverviewWatch.viewersMax) look at the overview through this worker already.")
        }
        return .events(frames)
    }

    private func changeFilter(_ request: HTTPServerRequest) throws -> ChangeFilter {
        let parameters = try QueryParameters<OverviewParameter>(request.query)
        var filter = ChangeFilter()
        filter.platform = try parameters.given(.platform).map { try store.platforms.platform(ofAnyName: $0).name }
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
