// What must happen before the libraries are initialised, which is before `main`.

#define _GNU_SOURCE
#include "start.h"

#ifdef __linux__
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char **arguments;
static char **environment;

// OpenBLAS starts its threads when it is loaded. Where the system refuses one, it raises SIGINT, which
// would end the process as if a person had interrupted it. The threads are of no use here: the program
// starts again without them.
static void start_without_threads(int number, siginfo_t *information, void *context) {
  static char setting[] = "OPENBLAS_NUM_THREADS=1";
  (void)context;
  if (information->si_code == SI_TKILL && information->si_pid == getpid()) {
    size_t count = 0;
    int is_set = 0;
    for (; environment[count] != NULL; ++count) {
      is_set |= strcmp(environment[count], setting) == 0;
    }
    char *changed[count + 2];
    size_t kept = 0;
    for (size_t index = 0; index < count; ++index) {
      if (strncmp(environment[index], setting, sizeof setting - 2) != 0) {
        changed[kept++] = environment[index];
      }
    }
    changed[kept++] = setting;
    changed[kept] = NULL;
    if (!is_set) { execve("/proc/self/exe", arguments, changed); }
    static const char line[] = "palimpsest: no thread can be started; allow more processes (ulimit -u)\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    _exit(70);
  }
  // Somebody else's signal, with its usual end.
  signal(number, SIG_DFL);
  raise(number);
}

static void start(int count, char **values, char **variables) {
  (void)count;
  arguments = values;
  environment = variables;
  struct sigaction present;
  // An ignored signal stays ignored.
  if (sigaction(SIGINT, NULL, &present) != 0 || present.sa_handler == SIG_IGN) { return; }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = start_without_threads;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGINT, &action, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const start_entry)(int, char **, char **) =
    start;
#endif
