import NIOCore
import NIOHTTP1
import Telemetry

/// What a server tells of its requests and connections.
package struct HTTPFigures: Sendable {
    private let instruments: Instruments
    private let refused: EventCounters<Refused>
    /// By method.
    private let unmatched: [String: RouteFigures]
    private let unmatchedOther: RouteFigures

    /// Why the server turns something away by itself.
    enum Refused: String, Sendable, CaseIterable {
        // Requests.
        case malformed
        case headTooLarge = "head_too_large"
        case bodyTooLarge = "body_too_large"
        case tooSlow = "too_slow"
        case unsupportedVersion = "unsupported_version"
        case expectationFailed = "expectation_failed"
        // Connections.
        /// Its network has as many as it gets.
        case networkFull = "network_full"
    }

    package init(_ instruments: Instruments = .none) {
        self.instruments = instruments
        refused = instruments.counters(.refused, Refused.self)
        unmatched = Self.methods.reduce(into: [:]) {
            $0[$1.rawValue] = RouteFigures($1.rawValue, Self.unmatchedRoute, instruments)
        }
        unmatchedOther = RouteFigures("_OTHER", Self.unmatchedRoute, instruments)
    }

    /// - Parameter template: the path as the API describes it, without what stands for names in it.
    package func route(_ method: HTTPMethod, _ template: String) -> RouteFigures {
        RouteFigures(method.rawValue, template, instruments)
    }

    func watch(_ connections: OpenConnections) {
        instruments.whenAsked { [Reading(.connections, is: connections.count)] }
    }

    func count(_ refused: Refused) { self.refused.count(refused) }

    func answered(_ form: ConnectionState.Form, _ status: HTTPResponseStatus, now: NIODeadline) {
        let figures = form.route ?? form.method.flatMap { unmatched[$0.rawValue] } ?? unmatchedOther
        figures.answered(status, after: form.receivedAt.map { now - $0 } ?? .zero)
    }

    private static let unmatchedRoute = "unmatched"
    private static let methods: [HTTPMethod] = [.GET, .HEAD, .POST, .PUT, .PATCH, .DELETE, .OPTIONS]
}

/// How long answers to requests of one route and method take, by their status.
package final class RouteFigures: Sendable {
    private let durations: [LazyHistogram]

    fileprivate init(_ method: String, _ route: String, _ instruments: Instruments) {
        durations = (Self.statuses.map { String($0) } + ["other"]).map { status in
            LazyHistogram { instruments.histogram(.requestDuration, method, route, status) }
        }
    }

    fileprivate func answered(_ status: HTTPResponseStatus, after duration: TimeAmount) {
        let place = Self.statuses.firstIndex(of: status.code) ?? Self.statuses.endIndex
        durations[place].record(nanoseconds: duration.nanoseconds)
    }

    /// Those in use, the usual ones first.
    private static let statuses: [UInt] = [
        200, 201, 401, 404, 409, 503, 400, 403, 405, 408, 413, 417, 426, 429, 431, 500, 505,
    ]
}

extension HTTPRefusal {
    var counted: HTTPFigures.Refused {
        switch self {
        case .malformed: .malformed
        case .headTooLarge: .headTooLarge
        case .bodyTooLarge: .bodyTooLarge
        case .tooSlow: .tooSlow
        case .unsupportedVersion: .unsupportedVersion
        case .expectationFailed: .expectationFailed
        }
    }
}
