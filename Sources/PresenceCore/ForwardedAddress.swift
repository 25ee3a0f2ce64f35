extension NetworkAddress {
    /// The client's address as a proxy in front of this service added it to a header; nil where it added none
    /// (`unknown`, `_hidden`).
    ///
    /// Only what the proxy wrote counts, which is the last element of the header; all before it the client can have sent.
    /// So the header is read from its end, and as bytes: to Swift a client's last character can swallow the comma.
    /// - Parameters:
    ///   - lines: the header's values in the order they came. Empty elements count for nothing.
    ///   - header: its name. `Forwarded` is read as RFC 7239 says; of any other, as of `X-Forwarded-For`, an element is
    ///     an address, with a port or without.
    package init?(forwarded lines: [String], in header: String) {
        for line in lines.reversed() {
            var rest = line[...].utf8
            while let element = rest.popLast(behind: UInt8(ascii: ",")) {
                guard !element.isEmpty else { continue }
                guard let node = header.lowercased() == "forwarded" ? element.node : element else { return nil }
                self.init(node: node.withoutQuotes)
                return
            }
        }
        return nil
    }

    /// Reads an address alone, in brackets, or with a port (RFC 7239, section 6): `203.0.113.7:50123`,
    /// `[2001:db8::7]:443`.
    private init?(node: Substring.UTF8View) {
        let address: Substring.UTF8View
        var behind = node[node.endIndex...]
        if node.first == UInt8(ascii: "["), let close = node.firstIndex(of: UInt8(ascii: "]")) {
            address = node[..<close].dropFirst()
            behind = node[close...].dropFirst()
        } else if let colon = node.firstIndex(of: UInt8(ascii: ":")), node.lastIndex(of: UInt8(ascii: ":")) == colon {
            address = node[..<colon]
            behind = node[colon...]
        } else {
            address = node
        }
        guard behind.isEmpty || behind.isPort else { return nil }
        self.init(String(Substring(address)))
    }
}

extension Substring.UTF8View {
    /// Takes off the last part, that is what stands behind the last separator outside of quotes; nil when nothing is left.
    /// - Returns: the part, without the blanks around it.
    fileprivate mutating func popLast(behind separator: UInt8) -> Self? {
        guard !isEmpty else { return nil }
        var isQuoted = false
        var index = endIndex
        while index > startIndex {
            formIndex(before: &index)
            if self[index] == UInt8(ascii: "\""), !isEscaped(index) { isQuoted.toggle() }
            guard self[index] == separator, !isQuoted else { continue }
            let part = self[self.index(after: index)...]
            self = self[..<index]
            return part.withoutBlanks
        }
        defer { self = self[..<startIndex] }
        return withoutBlanks
    }

    /// Whether an odd number of backslashes stands before it. What a proxy quotes can come from the client, such as the
    /// host it asked for.
    private func isEscaped(_ index: Index) -> Bool {
        self[..<index].reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 1
    }

    private var withoutBlanks: Self {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let front = drop(while: isBlank)
        return front.dropLast(front.reversed().prefix(while: isBlank).count)
    }

    fileprivate var withoutQuotes: Self {
        let quote = UInt8(ascii: "\"")
        return count >= 2 && first == quote && last == quote ? dropFirst().dropLast() : self
    }

    /// The value of `for` in an element of `Forwarded`; nil where there is none, or there are two.
    fileprivate var node: Self? {
        var rest = self
        var node: Self?
        while let pair = rest.popLast(behind: UInt8(ascii: ";")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")),
                Substring(pair[..<equals]).lowercased() == "for"
            else { continue }
            guard node == nil else { return nil }
            node = pair[equals...].dropFirst()
        }
        return node
    }

    /// Whether it is a colon and a port: up to five digits, or a name that hides one (`:_x`).
    fileprivate var isPort: Bool {
        let port = dropFirst()
        guard first == UInt8(ascii: ":"), let head = port.first else { return false }
        if head == UInt8(ascii: "_") { return port.count > 1 && port.allSatisfy(\.isInstanceByte) }
        return port.count <= 5 && port.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
