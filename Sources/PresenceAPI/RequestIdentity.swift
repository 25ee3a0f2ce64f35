import HTTPServer
import NIOHTTP1
import PresenceCore

// One id for a call: in its answer, in the lines of the log, in the changes it causes and their callbacks.

extension HTTPServerRequest {
    static let idHeader = "X-Request-Id"

    /// Names the request as its caller does. One that bears no acceptable name gets one of ours, and without any it
    /// does where one is needed: most calls are not asked about, and need none.
    mutating func identify(isNeeded: Bool) {
        guard id == nil else { return }
        if let sent = sentID.flatMap({ RequestID($0) }) {
            id = sent.description
        } else if isNeeded || sentID != nil {
            id = RequestID.random().description
        }
    }

    /// The same, with a name in any case.
    var identified: (request: HTTPServerRequest, id: String) {
        var request = self
        request.identify(isNeeded: true)
        return (request, request.id ?? "")
    }

    /// What the receiver is told of where a change came from.
    var cause: Cause? {
        let traces = headers["traceparent"]
        return Cause(
            request: id.flatMap { RequestID($0) }, trace: traces.count == 1 ? TraceParent(traces[0]) : nil)
    }
}

extension HTTPServerResponse {
    /// The answer with the name of its request, unless it has it.
    func identified(by id: String) -> HTTPServerResponse {
        if headers.contains(where: { $0.name == HTTPServerRequest.idHeader }) { return self }
        var response = self
        response.headers.append((HTTPServerRequest.idHeader, id))
        return response
    }
}

extension HTTPServerDecision {
    /// The same, with the name in the answer where the request has one.
    func identified(by id: String?) -> HTTPServerDecision {
        guard let id else { return self }
        switch self {
        case .handle(let handler): return .handle { await handler($0).identified(by: id) }
        case .answer(let response): return .answer(response.identified(by: id))
        case .upgrade: return self
        }
    }
}
