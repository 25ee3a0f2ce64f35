extension Int {
    /// A number from 0 in its usual form: what `Int` takes beside that (`+1`, `007`) is not meant by everybody the same.
    package init?(digits text: some StringProtocol) {
        guard let number = Int(text), number >= 0, String(number) == text else { return nil }
        self = number
    }
}
