using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace NeuralPlugin.Tests;

/// <summary>
/// A tab of Chromium without a window, driven through the Chrome DevTools Protocol. It keeps the pages' reports: uncaught exceptions and
/// failed requests.
/// </summary>
internal sealed class HeadlessBrowser : IAsyncDisposable
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly DirectoryInfo profile;
    private readonly ClientWebSocket socket = new();
    private readonly CancellationTokenSource end = new(TimeSpan.FromMinutes(5));
    private readonly List<string> complaints = [];
    private int lastId;
    private bool loaded;

    private HeadlessBrowser(Process process, DirectoryInfo profile)
    {
        this.process = process;
        this.profile = profile;
    }

    /// <summary>The pages' reports since they were opened.</summary>
    public IReadOnlyList<string> Complaints => complaints;

    /// <summary>The path of Chromium on PATH, or null.</summary>
    public static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(_ => Names, (folder, name) => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static async Task<HeadlessBrowser> StartAsync(string executable)
    {
        DirectoryInfo profile = Directory.CreateTempSubdirectory("neuralplugin-browser-");
        ProcessStartInfo start = new(executable) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--disable-quic", "--remote-debugging-port=0", $"--user-data-dir={profile.FullName}", "about:blank",
            ])
        {
            start.ArgumentList.Add(argument);
        }

        HeadlessBrowser browser = new(Process.Start(start)!, profile);
        browser.process.ErrorDataReceived += (_, _) => { };
        browser.process.OutputDataReceived += (_, _) => { };
        browser.process.BeginErrorReadLine();
        browser.process.BeginOutputReadLine();
        await browser.ConnectAsync();
        return browser;
    }

    /// <summary>Opens a page and waits until it and everything that it references are loaded.</summary>
    public async Task OpenAsync(Uri page)
    {
        loaded = false;
        await SendAsync("Page.navigate", new JsonObject { ["url"] = page.AbsoluteUri });
        while (!loaded) Note(await ReceiveAsync());
    }

    /// <summary>The value of an expression in the page, or of the promise that it returns.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        JsonObject answer = await SendAsync("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["awaitPromise"] = true, ["returnByValue"] = true });
        return answer["exceptionDetails"] is { } details
            ? throw new InvalidOperationException($"{expression}: {details.ToJsonString()}")
            : answer["result"]!["value"];
    }

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        end.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        profile.Delete(recursive: true);
    }

    private async Task ConnectAsync()
    {
        // Chromium writes its chosen port into this file.
        string portFile = Path.Combine(profile.FullName, "DevToolsActivePort");
        Stopwatch waited = Stopwatch.StartNew();
        string[] lines = [];
        while (lines.Length < 2)
        {
            if (process.HasExited || waited.Elapsed > Patience) throw new InvalidOperationException("Chromium did not start.");
            await Task.Delay(50);
            if (File.Exists(portFile)) lines = await File.ReadAllLinesAsync(portFile);
        }

        using HttpClient http = new();
        JsonNode targets = JsonNode.Parse(await http.GetStringAsync(new Uri($"http://127.0.0.1:{lines[0]}/json/list")))!;
        string tab = targets.AsArray().First(target => (string?)target!["type"] == "page")!["webSocketDebuggerUrl"]!.GetValue<string>();
        await socket.ConnectAsync(new Uri(tab), end.Token);
        foreach (string domain in (string[])["Page", "Runtime", "Log"]) await SendAsync($"{domain}.enable", []);
    }

    private async Task<JsonObject> SendAsync(string method, JsonObject parameters)
    {
        int id = ++lastId;
        JsonObject message = new() { ["id"] = id, ["method"] = method, ["params"] = parameters };
        await socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, end.Token);
        while (true)
        {
            JsonObject answer = await ReceiveAsync();
            if ((int?)answer["id"] != id) Note(answer);
            else return answer["error"] is { } error ? throw new InvalidOperationException($"{method}: {error.ToJsonString()}") : answer["result"]!.AsObject();
        }
    }

    private async Task<JsonObject> ReceiveAsync()
    {
        using MemoryStream message = new();
        byte[] part = new byte[1 << 16];
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(part.AsMemory(), end.Token);
            message.Write(part, 0, received.Count);
        }
        while (!received.EndOfMessage);
        return JsonNode.Parse(message.ToArray())!.AsObject();
    }

    private void Note(JsonObject happened)
    {
        switch ((string?)happened["method"])
        {
            case "Page.loadEventFired":
                loaded = true;
                break;
            case "Runtime.exceptionThrown":
                complaints.Add(happened["params"]!["exceptionDetails"]!.ToJsonString());
                break;
            case "Log.entryAdded" when (string?)happened["params"]!["entry"]!["level"] == "error":
                complaints.Add($"{happened["params"]!["entry"]!["text"]} {happened["params"]!["entry"]!["url"]}");
                break;
        }
    }
}
