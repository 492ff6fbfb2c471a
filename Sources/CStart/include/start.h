#pragma once

// Nothing is called from outside: what is here runs by itself, before `main`.
