import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Follows `/v1/events` as an app's backend would: goes on at the next worker when a stream ends, from the last id.
package final class FeedReader: Sendable {
    package struct Event: Sendable {
        package var name: String
        package var id: String?
        package var data: JSON
    }

    private struct State {
        var events: [Event] = []
        var changes: [JSON] = []
        var changeIDs: Set<String> = []
        var lastID: String?
        var refusals: [(status: Int, code: String)] = []
        var streams = 0
    }

    private let state = Mutex(State())
    private let path: String

    /// - Parameters:
    ///   - query: `users=ann,bob`
    ///   - after: the cursor to begin at.
    package init(query: String = "", after: String? = nil) {
        path = "/v1/events" + (query.isEmpty ? "" : "?" + query)
        state.withLock { $0.lastID = after }
    }

    /// All that was told, in the order it came.
    package var events: [Event] { state.withLock(\.events) }
    package func events(named name: String) -> [JSON] { events.filter { $0.name == name }.map(\.data) }
    package var lastID: String? { state.withLock(\.lastID) }
    package var refusals: [(status: Int, code: String)] { state.withLock(\.refusals) }
    /// How many were opened.
    package var streams: Int { state.withLock(\.streams) }

    /// The changes, each where it came first.
    package var changes: [JSON] { state.withLock(\.changes) }

    /// Runs the body while it follows at these workers, in turn.
    package func following<Result: Sendable>(
        _ urls: [String], key: String? = nil, body: () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup { group in
            group.addTask {
                for turn in 0... where !Task.isCancelled {
                    await self.follow(urls[turn % urls.count], key)
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// One stream, to its end.
    private func follow(_ url: String, _ key: String?) async {
        var request = HTTPClientRequest(url: url + path)
        request.headers.add(name: "Accept", value: "text/event-stream")
        if let key { request.headers.add(name: "Authorization", value: "Bearer \(key)") }
        if let lastID { request.headers.add(name: "Last-Event-ID", value: lastID) }
        do {
            let response = try await HTTPClient.shared.execute(request, deadline: .distantFuture)
            guard response.status == .ok else {
                let body = try JSON(parsing: String(buffer: try await response.body.collect(upTo: 1 << 20)))
                state.withLock { $0.refusals.append((Int(response.status.code), body["code"].string ?? "")) }
                return
            }
            state.withLock { $0.streams += 1 }
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                while let end = text.range(of: "\n\n") {
                    take(String(text[..<end.lowerBound]))
                    text = String(text[end.upperBound...])
                }
            }
        } catch {}
    }

    private func take(_ block: String) {
        var event = Event(name: "message", data: .null)
        for line in block.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(parts[1].drop { $0 == " " })
            switch parts[0] {
            case "event": event.name = value
            case "id": event.id = value
            case "data": event.data = (try? JSON(parsing: value)) ?? .null
            default: break
            }
        }
        state.withLock { state in
            if let id = event.id { state.lastID = id }
            guard event.data != .null else { return }
            state.events.append(event)
            if event.name == "change", state.changeIDs.insert(event.data["id"].string ?? "").inserted {
                state.changes.append(event.data)
            }
        }
    }
}
