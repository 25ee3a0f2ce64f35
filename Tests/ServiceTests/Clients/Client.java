import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Java's HttpClient as it comes, which offers h2c with every request. */
class Client {
    public static void main(String[] arguments) throws Exception {
        String url = arguments[0], heartbeat = arguments[1];
        String[][] calls = {
            {"/v1/sessions", "{\"user\":\"ann\",\"platform\":\"Web\"}"},
            {"/v1/heartbeats", heartbeat},
            {"/v1/statuses", "{\"users\":[\"ann\"]}"},
            {"/v1/statuses", "a".repeat(2_000_000)},
            {"/v1/statuses", "{\"users\":[\"ann\"]}"},
        };
        HttpClient client = HttpClient.newHttpClient();
        StringBuilder words = new StringBuilder();
        for (String[] call : calls) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + call[0]))
                    .POST(HttpRequest.BodyPublishers.ofString(call[1])).build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            if (call[1].equals(heartbeat)) words.append(response.body()).append(' ');
            words.append(response.statusCode()).append(' ');
        }
        System.out.println(words.toString().trim());
    }
}
